import { PacketError } from './errors.js'
import type { Frame } from './frame.js'

/**
 * First in, first out, through the frames' own `next` link: no garbage, no limit of its own.
 * The frames in a queue belong to whoever owns the queue.
 */
export class FrameQueue {
  private head: Frame | null
  private tail: Frame | null
  private frameCount: number
  private byteCount: number
  private segmentCount: number

  constructor() {
    this.head = null
    this.tail = null
    this.frameCount = 0
    this.byteCount = 0
    this.segmentCount = 0
  }

  get count(): number {
    return this.frameCount
  }

  /** Sums over the frames as they were when pushed; a frame must not change its length while queued. */
  get bytes(): number {
    return this.byteCount
  }

  get segments(): number {
    return this.segmentCount
  }

  /** Append a frame. Throws `FRAME_QUEUED` when it already stands in a queue: two owners are a bug of ours. */
  push(frame: Frame): void {
    if (frame.next !== null || frame === this.tail) {
      throw new PacketError(
        'FRAME_QUEUED',
        `frame ${frame.index} already stands in a queue: take it out first`,
      )
    }
    if (this.tail === null) this.head = frame
    else this.tail.next = frame
    this.tail = frame
    this.frameCount++
    this.byteCount += frame.length
    this.segmentCount += frame.segments
  }

  /** Put a frame back before all others: for a frame that was taken out and could not go. */
  unshift(frame: Frame): void {
    if (frame.next !== null || frame === this.tail) {
      throw new PacketError(
        'FRAME_QUEUED',
        `frame ${frame.index} already stands in a queue: take it out first`,
      )
    }
    frame.next = this.head
    this.head = frame
    if (this.tail === null) this.tail = frame
    this.frameCount++
    this.byteCount += frame.length
    this.segmentCount += frame.segments
  }

  /** The oldest frame, left where it is; null when empty. */
  peek(): Frame | null {
    return this.head
  }

  /** Take out the oldest frame; undefined when empty. */
  shift(): Frame | undefined {
    const frame = this.head
    if (frame === null) return undefined
    this.head = frame.next
    if (this.head === null) this.tail = null
    frame.next = null
    this.frameCount--
    this.byteCount -= frame.length
    this.segmentCount -= frame.segments
    return frame
  }

  /** Move all frames of `from`, in order, behind ours. */
  append(from: FrameQueue): void {
    if (from.head === null || from === this) return
    if (this.tail === null) this.head = from.head
    else this.tail.next = from.head
    this.tail = from.tail
    this.frameCount += from.frameCount
    this.byteCount += from.byteCount
    this.segmentCount += from.segmentCount
    from.head = null
    from.tail = null
    from.frameCount = 0
    from.byteCount = 0
    from.segmentCount = 0
  }

  /** Release every frame; returns how many. */
  releaseAll(): number {
    let released = 0
    for (let frame = this.shift(); frame !== undefined; frame = this.shift()) {
      frame.release()
      released++
    }
    return released
  }
}
