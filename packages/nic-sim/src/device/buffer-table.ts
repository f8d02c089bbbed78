import type { View, WordView } from '@netaccel/packet'
import { wordsOf } from '@netaccel/packet'
import { BUFFER_ENTRIES, BUFFER_PAGE, BUFFER_SHIFT } from '../constants.js'

const PAGE_MASK = BUFFER_PAGE - 1

/**
 * Which machine frames the VIs may touch. An entry belongs to one VI; a VI names buffers only by entry, so it
 * cannot even express the address of memory that was not registered for it (MEM-06, as the Falcon's buffer table).
 *
 * Entry 0 is never given out: a zeroed descriptor names nothing.
 */
export class BufferTable {
  readonly capacity: number
  /** VI id + 1 of each entry; 0: free. */
  private readonly owners: Uint32Array
  private readonly bases: Float64Array
  private readonly memories: (WordView | null)[]
  private usedCount: number
  private searchFrom: number

  constructor(capacity: number = BUFFER_ENTRIES) {
    this.capacity = capacity
    this.owners = new Uint32Array(capacity)
    this.bases = new Float64Array(capacity)
    this.memories = Array.from({ length: capacity }, () => null)
    this.usedCount = 0
    this.searchFrom = 1
  }

  get used(): number {
    return this.usedCount
  }

  /** Enters pages, one after the other; the index of the first, or -1 if no such run of entries is free. */
  add(vi: number, pages: readonly View[]): number {
    let first = this.findRun(this.searchFrom, pages.length)
    if (first < 0) first = this.findRun(1, pages.length)
    if (first < 0) return -1
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i]
      this.owners[first + i] = vi + 1
      this.bases[first + i] = page.offset
      this.memories[first + i] = wordsOf(page.bytes)
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
      this.memories[i] = null
      removed++
    }
    this.usedCount -= removed
    return removed
  }

  removeAll(vi: number): number {
    return this.remove(vi, 1, this.capacity)
  }

  /** True if `vi` owns every page that `length` bytes (1 or more) at `address` touch. */
  owns(vi: number, address: number, length: number): boolean {
    const first = address >>> BUFFER_SHIFT
    const last = first + (((address & PAGE_MASK) + length - 1) >>> BUFFER_SHIFT)
    if (last >= this.capacity) return false
    const owner = vi + 1
    for (let i = first; i <= last; i++) if (this.owners[i] !== owner) return false
    return true
  }

  /** Memory and byte within it of the first byte at `address`, which {@link owns} has allowed. */
  memory(address: number): WordView {
    return this.memories[address >>> BUFFER_SHIFT] as WordView
  }

  at(address: number): number {
    return this.bases[address >>> BUFFER_SHIFT] + (address & PAGE_MASK)
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
