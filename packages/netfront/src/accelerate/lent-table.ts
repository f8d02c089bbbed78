import type { Frame } from '@netaccel/packet'

/**
 * The frames that are lent to a plugin now. Each is told its place, and is believed about it only as far as the table
 * names the frame there. Adding, finding and removing allocate nothing and search nothing.
 */
export class LentTable {
  /** Most frames at once. */
  readonly capacity: number
  private readonly frames: (Frame | null)[]
  /** Free places; the one that became free last is taken first. */
  private readonly free: Int32Array
  private count: number

  constructor(capacity: number) {
    this.capacity = capacity
    this.frames = Array.from({ length: capacity }, () => null)
    this.free = Int32Array.from({ length: capacity }, (_, i) => capacity - 1 - i)
    this.count = 0
  }

  get size(): number {
    return this.count
  }

  /** The caller has looked that there is room and that the frame is not here. */
  add(frame: Frame): void {
    const place = this.free[this.capacity - ++this.count]
    this.frames[place] = frame
    frame.place = place
  }

  has(frame: Frame): boolean {
    return this.frames[frame.place] === frame
  }

  /** False: the frame is not lent. */
  remove(frame: Frame): boolean {
    const { place } = frame
    if (this.frames[place] !== frame) return false
    this.frames[place] = null
    this.free[this.capacity - this.count--] = place
    return true
  }

  /** Every frame that is lent, for reports and for taking them back; allocates. */
  list(): Frame[] {
    return this.frames.filter((frame) => frame !== null)
  }
}
