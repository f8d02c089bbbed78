import type { View } from '@netaccel/packet'
import { BUFFER_ENTRIES, BUFFER_PAGE, BUFFER_SHIFT } from '../constants.js'
import type { AddressSpace } from './address-space.js'
import { NO_RIGHTS, SCATTERED } from './address-space.js'

const PAGE_MASK = BUFFER_PAGE - 1

/**
 * Which machine frames the VIs may touch. An entry belongs to one VI; a VI names buffers only by entry, so it
 * cannot even express the address of memory that was not registered for it (MEM-06, as the Falcon's buffer table).
 *
 * Entry 0 is never given out: a zeroed descriptor names nothing.
 */
export class BufferTable implements AddressSpace {
  readonly capacity: number
  /** VI id + 1 of each entry; 0: free. */
  private readonly owners: Uint32Array
  /** Byte of machine memory at which its page begins. */
  private readonly bases: Uint32Array
  private usedCount: number
  private searchFrom: number

  constructor(capacity: number = BUFFER_ENTRIES) {
    this.capacity = capacity
    this.owners = new Uint32Array(capacity)
    this.bases = new Uint32Array(capacity)
    this.usedCount = 0
    this.searchFrom = 1
  }

  get used(): number {
    return this.usedCount
  }

  /** Enters pages of machine memory, one after the other; the index of the first, or -1 if no such run of entries is free. */
  add(vi: number, pages: readonly View[]): number {
    let first = this.findRun(this.searchFrom, pages.length)
    if (first < 0) first = this.findRun(1, pages.length)
    if (first < 0) return -1
    for (let i = 0; i < pages.length; i++) {
      this.owners[first + i] = vi + 1
      this.bases[first + i] = pages[i].offset
    }
    this.usedCount += pages.length
    this.searchFrom = first + pages.length
    return first
  }

  /** Clears those of the entries that belong to `vi`; how many they were. */
  remove(vi: number, first: number, count: number): number {
    let removed = 0
    for (let i = Math.max(1, first); i < first + count && i < this.capacity; i++) {
      if (this.owners[i] !== vi + 1) continue
      this.owners[i] = 0
      removed++
    }
    this.usedCount -= removed
    return removed
  }

  removeAll(vi: number): number {
    return this.remove(vi, 1, this.capacity)
  }

  resolve(vi: number, address: number, length: number): number {
    const { owners, bases } = this
    const owner = vi + 1
    const first = address >>> BUFFER_SHIFT
    const at = address & PAGE_MASK
    if (owners[first] !== owner) return NO_RIGHTS
    const base = bases[first]
    if (at + length <= BUFFER_PAGE) return base + at
    return this.resolvePages(owner, first, base, at, length)
  }

  private resolvePages(owner: number, first: number, base: number, at: number, length: number): number {
    const { owners, bases } = this
    const pages = (at + length + PAGE_MASK) >>> BUFFER_SHIFT
    let together = true
    for (let i = 1; i < pages; i++) {
      // Beyond the table there is nothing, which is nobody's.
      if (owners[first + i] !== owner) return NO_RIGHTS
      if (bases[first + i] !== base + i * BUFFER_PAGE) together = false
    }
    return together ? base + at : SCATTERED
  }

  private findRun(from: number, count: number): number {
    let run = 0
    for (let i = from; i < this.capacity; i++) {
      run = this.owners[i] === 0 ? run + 1 : 0
      if (run === count) return i - count + 1
    }
    return -1
  }
}
