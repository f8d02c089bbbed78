import type { Arena } from '@netaccel/core'

const ALIGN = 64
const ALIGN_MASK = ALIGN - 1

/**
 * Registered memory that frames are copied into, for guests whose quota does not cover the stack's own pages, and with
 * option `copy`. Used in a circle: TX descriptors come back in order, so the oldest place is always freed first. A
 * frame never wraps: what is left at the end is skipped.
 */
export class CopyRing {
  readonly arena: Arena
  /** Longest frame that can be placed when nothing else is. */
  readonly longest: number
  private readonly size: number
  private head: number
  private used: number

  constructor(arena: Arena) {
    this.arena = arena
    this.size = arena.length
    // Half: wherever the free space begins, a frame of this length fits once all is free.
    this.longest = (arena.length >>> 1) & ~ALIGN_MASK
    this.head = 0
    this.used = 0
  }

  /** Bytes that placing `length` now would take, those skipped at the end included; 0: no room. */
  costOf(length: number): number {
    const bytes = (length + ALIGN_MASK) & ~ALIGN_MASK
    const left = this.size - this.head
    const cost = bytes <= left ? bytes : left + bytes
    return cost <= this.size - this.used ? cost : 0
  }

  /** Take the `cost` that {@link costOf} gave for `length`; byte offset of the place. */
  place(cost: number, length: number): number {
    const bytes = (length + ALIGN_MASK) & ~ALIGN_MASK
    const at = cost === bytes ? this.head : 0
    this.head = at + bytes === this.size ? 0 : at + bytes
    this.used += cost
    return this.arena.offset + at
  }

  /** The oldest place, which cost this much, is free again. */
  free(cost: number): void {
    this.used -= cost
    if (this.used === 0) this.head = 0
  }
}
