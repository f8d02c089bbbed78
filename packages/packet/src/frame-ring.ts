import type { Frame } from './frame.js'

const FIRST_PLACES = 64

/**
 * First in, first out, in places of its own: for frames that may stand in several queues at once, as a flooded one does
 * at every port, which the one link of a {@link FrameQueue} cannot. It has no limit; the places double when they are
 * all taken and are kept, so a queue that has been full once allocates nothing any more.
 *
 * Each frame in it is one reference that belongs to whoever owns the queue.
 */
export class FrameRing {
  private frames: (Frame | null)[]
  private mask: number
  private head: number
  private frameCount: number
  private segmentCount: number

  /** `places`: room to begin with, rounded up to a power of two. */
  constructor(places: number = FIRST_PLACES) {
    let size = 1
    while (size < places) size *= 2
    this.frames = Array.from({ length: size }, () => null)
    this.mask = size - 1
    this.head = 0
    this.frameCount = 0
    this.segmentCount = 0
  }

  get count(): number {
    return this.frameCount
  }

  /** Sum over the frames; none may change its segments while queued. */
  get segments(): number {
    return this.segmentCount
  }

  push(frame: Frame): void {
    if (this.frameCount > this.mask) this.grow()
    this.frames[(this.head + this.frameCount) & this.mask] = frame
    this.frameCount++
    this.segmentCount += frame.segments
  }

  /** The oldest frame, left where it is; null when empty. */
  peek(): Frame | null {
    return this.frames[this.head]
  }

  /** Take out the oldest frame; undefined when empty. */
  shift(): Frame | undefined {
    const frame = this.frames[this.head]
    if (frame === null) return undefined
    this.frames[this.head] = null
    this.head = (this.head + 1) & this.mask
    this.frameCount--
    this.segmentCount -= frame.segments
    return frame
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

  private grow(): void {
    const { frames, head } = this
    const behind = Array.from({ length: frames.length }, () => null)
    this.frames = [...frames.slice(head), ...frames.slice(0, head), ...behind]
    this.mask = this.frames.length - 1
    this.head = 0
  }
}
