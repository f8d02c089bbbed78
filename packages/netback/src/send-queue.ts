import type { Frame } from '@netaccel/packet'

/** Bytes at which the queue to a guest takes no more: half a ring of pages (Linux xenvif rx_queue_max, XSA-392). */
export const QUEUE_CAP_BYTES = 524_288
/** Places in the queue: as many of the smallest frames as the cap holds. */
const PLACES = 8192

/**
 * The frames that wait for a guest's slots, with the time each came. Not linked through the frames, because a flooded
 * frame stands in several queues at once. Allocates nothing.
 */
export class SendQueue {
  /** By place: when the frame came. */
  private readonly times: Float64Array
  private readonly frames: (Frame | null)[]
  private head: number
  private tail: number
  /** Position of place 0: an empty queue begins there again, in places that the cache still has. */
  private origin: number
  private byteCount: number

  /** `start`: where the positions begin; another than 0 for a test near the wrap. */
  constructor(start = 0) {
    this.frames = Array.from({ length: PLACES }, () => null)
    this.times = new Float64Array(PLACES)
    this.head = start
    this.tail = start
    this.origin = start
    this.byteCount = 0
  }

  get count(): number {
    return (this.tail - this.head) | 0
  }

  get bytes(): number {
    return this.byteCount
  }

  /** Frames that have left the queue, and frames that ever entered it, modulo 2^32: positions for a mark. */
  get left(): number {
    return this.head
  }

  get entered(): number {
    return this.tail
  }

  get full(): boolean {
    return this.byteCount >= QUEUE_CAP_BYTES || this.count === PLACES
  }

  /** Put a frame in that came at `now[0]`; not a plain argument, which would be boxed. The queue is not full. */
  push(frame: Frame, now: Float64Array): void {
    if (this.head === this.tail) this.origin = this.tail
    const place = (this.tail - this.origin) & (PLACES - 1)
    this.tail = (this.tail + 1) | 0
    this.frames[place] = frame
    this.times[place] = now[0]
    this.byteCount += frame.length
  }

  /**
   * Put in `frames[from]` up to but not including `frames[to]`, until the queue is full; returns the place of the first
   * that is not in.
   */
  pushBurst(frames: readonly Frame[], from: number, to: number, now: Float64Array): number {
    if (this.head === this.tail) this.origin = this.tail
    const { origin, times } = this
    const waiting = this.frames
    const time = now[0]
    const room = PLACES - this.count
    const last = to - from > room ? from + room : to
    let { byteCount, tail } = this
    let next = from
    for (; next < last && byteCount < QUEUE_CAP_BYTES; next++) {
      const frame = frames[next]
      const place = (tail - origin) & (PLACES - 1)
      tail = (tail + 1) | 0
      waiting[place] = frame
      times[place] = time
      byteCount += frame.length
    }
    this.byteCount = byteCount
    this.tail = tail
    return next
  }

  /** The oldest frame, left where it is; null when empty. */
  peek(): Frame | null {
    return this.head === this.tail ? null : this.at(0)
  }

  /** The frame behind the `index` oldest, left where it is. There must be one. */
  at(index: number): Frame {
    return this.frames[(this.head + index - this.origin) & (PLACES - 1)] as Frame
  }

  /** When the oldest frame came. Only while there is one. */
  get since(): number {
    return this.times[(this.head - this.origin) & (PLACES - 1)]
  }

  /** Take out the oldest frame; `length` is what it was when pushed. */
  shift(length: number): void {
    this.shiftBurst(1, length)
  }

  /** Take out the `count` oldest frames, of so many bytes when they were pushed. */
  shiftBurst(count: number, bytes: number): void {
    const { frames, head, origin } = this
    for (let i = 0; i < count; i++) frames[(head + i - origin) & (PLACES - 1)] = null
    this.head = (head + count) | 0
    this.byteCount -= bytes
  }
}
