/**
 * Two 32-bit words to a number, fixed size: open addressing with linear probing, and deletion that moves later entries
 * back, so that nothing of a deleted one is left. Allocates nothing after it was made. Words are compared as 32 bits,
 * signed or not; signed ones are never boxed on the way.
 */
export class PairTable {
  /** Most entries. */
  readonly limit: number
  private readonly firsts: Int32Array
  private readonly seconds: Int32Array
  /** Value + 1; 0: free. */
  private readonly values: Uint32Array
  private readonly mask: number
  private count: number

  constructor(limit: number) {
    let slots = 8
    while (slots < limit * 2) slots *= 2
    this.limit = limit
    this.firsts = new Int32Array(slots)
    this.seconds = new Int32Array(slots)
    this.values = new Uint32Array(slots)
    this.mask = slots - 1
    this.count = 0
  }

  get size(): number {
    return this.count
  }

  /** The value, 0 or more; -1: not there. */
  get(first: number, second: number): number {
    const slot = this.find(first, second)
    return slot < 0 ? -1 : this.values[slot] - 1
  }

  /** Enter or change. False: there is no room for another. */
  set(first: number, second: number, value: number): boolean {
    const known = this.find(first, second)
    if (known >= 0) {
      this.values[known] = value + 1
      return true
    }
    if (this.count === this.limit) return false
    let slot = this.home(first, second)
    while (this.values[slot] !== 0) slot = (slot + 1) & this.mask
    this.firsts[slot] = first
    this.seconds[slot] = second
    this.values[slot] = value + 1
    this.count++
    return true
  }

  /** False: it was not there. */
  delete(first: number, second: number): boolean {
    let hole = this.find(first, second)
    if (hole < 0) return false
    this.count--
    for (let slot = (hole + 1) & this.mask; this.values[slot] !== 0; slot = (slot + 1) & this.mask) {
      const home = this.home(this.firsts[slot], this.seconds[slot])
      // It may stay where it is unless its home lies at or before the hole.
      if (((slot - home) & this.mask) < ((slot - hole) & this.mask)) continue
      this.firsts[hole] = this.firsts[slot]
      this.seconds[hole] = this.seconds[slot]
      this.values[hole] = this.values[slot]
      hole = slot
    }
    this.values[hole] = 0
    return true
  }

  private home(first: number, second: number): number {
    let hash = Math.imul(first, 0x85ebca6b) ^ Math.imul(second, 0xc2b2ae35)
    hash ^= hash >>> 16
    hash = Math.imul(hash, 0x9e3779b1)
    return (hash ^ (hash >>> 15)) & this.mask
  }

  private find(first: number, second: number): number {
    const { firsts, seconds, values, mask } = this
    const one = first | 0
    const two = second | 0
    for (let slot = this.home(first, second); values[slot] !== 0; slot = (slot + 1) & mask)
      if (firsts[slot] === one && seconds[slot] === two) return slot
    return -1
  }
}
