import type { Frame } from '@netaccel/packet'

/** Buffers are 2 KiB apart or more, so this is the part of an address that tells them apart. */
const BUFFER_SHIFT = 11
const GOLDEN = 0x9e3779b1

/**
 * The frames that are lent to a plugin now: open addressing over the address of a frame's buffer. Adding, finding and
 * removing allocate nothing.
 */
export class LentTable {
  /** Most frames at once. */
  readonly capacity: number
  private readonly slots: (Frame | null)[]
  private readonly mask: number
  private readonly shift: number
  private count: number

  constructor(capacity: number) {
    const bits = Math.max(3, Math.ceil(Math.log2(capacity * 2)))
    this.capacity = capacity
    this.mask = (1 << bits) - 1
    this.shift = 32 - bits
    this.slots = Array.from({ length: 1 << bits }, () => null)
    this.count = 0
  }

  get size(): number {
    return this.count
  }

  /** The caller has looked that there is room and that the frame is not here. */
  add(frame: Frame): void {
    const { slots, mask } = this
    let at = this.home(frame)
    while (slots[at] !== null) at = (at + 1) & mask
    slots[at] = frame
    this.count++
  }

  has(frame: Frame): boolean {
    return this.find(frame) >= 0
  }

  /** False: the frame is not lent. */
  remove(frame: Frame): boolean {
    const at = this.find(frame)
    if (at < 0) return false
    this.count--
    this.close(at)
    return true
  }

  /** Every frame that is lent, for reports and for taking them back; allocates. */
  list(): Frame[] {
    return this.slots.filter((frame) => frame !== null)
  }

  private find(frame: Frame): number {
    const { slots, mask } = this
    let at = this.home(frame)
    for (;;) {
      const there = slots[at]
      if (there === frame) return at
      if (there === null) return -1
      at = (at + 1) & mask
    }
  }

  /** Move back what stood behind the hole and would not be found across it (Knuth 6.4, algorithm R). */
  private close(hole: number): void {
    const { slots, mask } = this
    let at = hole
    for (;;) {
      at = (at + 1) & mask
      const frame = slots[at]
      if (frame === null || frame === undefined) break
      const home = this.home(frame)
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      slots[hole] = frame
      hole = at
    }
    slots[hole] = null
  }

  private home(frame: Frame): number {
    return Math.imul(frame.start >>> BUFFER_SHIFT, GOLDEN) >>> this.shift
  }
}
