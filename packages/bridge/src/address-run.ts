import { ETH_HEADER } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'

/** Frames in a row whose twelve bytes of addresses are equal: what is decided about the first holds for all. */
export class AddressRun {
  /** Place behind the last frame. */
  end: number
  /** Of all frames of the run. */
  bytes: number
  segments: number

  constructor() {
    this.end = 0
    this.bytes = 0
    this.segments = 0
  }

  /** Find the run that begins at `frames[from]`, among the first `count`. A frame too short for addresses is one alone. */
  measure(frames: readonly Frame[], from: number, count: number): void {
    const { view, offset, length } = frames[from]
    let { segments } = frames[from]
    let bytes = length
    let end = from + 1
    if (length >= ETH_HEADER && end < count) {
      const first = view.getInt32(offset, true)
      const second = view.getInt32(offset + 4, true)
      const third = view.getInt32(offset + 8, true)
      for (; end < count; end++) {
        const frame = frames[end]
        const other = frame.view
        const at = frame.offset
        if (frame.length < ETH_HEADER || other.getInt32(at, true) !== first) break
        if (other.getInt32(at + 4, true) !== second || other.getInt32(at + 8, true) !== third) break
        bytes += frame.length
        segments += frame.segments
      }
    }
    this.end = end
    this.bytes = bytes
    this.segments = segments
  }
}
