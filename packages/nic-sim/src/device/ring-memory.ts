import type { View } from '@netaccel/packet'
import { BUFFER_PAGE, ENTRY_BYTES, ENTRY_SHIFT, PHASE_BIT } from '../constants.js'

const PAGE_ENTRIES_SHIFT = 9
const PAGE_ENTRIES_MASK = BUFFER_PAGE / ENTRY_BYTES - 1

/**
 * One ring of 8-byte entries over pages that need not lie together. The pages belong to the driver domain or to
 * the guest, so what stands in them is never trusted: each word is read once, by the caller, into a local.
 */
export class RingMemory {
  readonly capacity: number
  private readonly views: readonly DataView[]
  private readonly bases: readonly number[]
  private readonly mask: number

  /** `pages` are whole pages, as many as the capacity (a power of two) needs. They are zeroed. */
  constructor(pages: readonly View[], capacity: number) {
    this.capacity = capacity
    this.mask = capacity - 1
    this.views = pages.map((page) => page.view)
    this.bases = pages.map((page) => page.offset)
    for (const page of pages) page.bytes.fill(0, page.offset, page.offset + BUFFER_PAGE)
  }

  /** As a signed number, which is never boxed. */
  word0(index: number): number {
    const slot = index & this.mask
    const page = slot >>> PAGE_ENTRIES_SHIFT
    return this.views[page].getInt32(this.bases[page] + ((slot & PAGE_ENTRIES_MASK) << ENTRY_SHIFT), true)
  }

  /** As a signed number: bit 31, the phase, is its sign. */
  word1(index: number): number {
    const slot = index & this.mask
    const page = slot >>> PAGE_ENTRIES_SHIFT
    return this.views[page].getInt32(this.bases[page] + ((slot & PAGE_ENTRIES_MASK) << ENTRY_SHIFT) + 4, true)
  }

  /** True if `word1` was written in the lap of `index`. */
  inPhase(index: number, word1: number): boolean {
    return word1 < 0 === ((index & this.capacity) === 0)
  }

  /** Puts an entry down, the word with the phase last. */
  write(index: number, word0: number, word1: number): void {
    const slot = index & this.mask
    const page = slot >>> PAGE_ENTRIES_SHIFT
    const view = this.views[page]
    const at = this.bases[page] + ((slot & PAGE_ENTRIES_MASK) << ENTRY_SHIFT)
    view.setInt32(at, word0, true)
    view.setInt32(at + 4, (index & this.capacity) === 0 ? word1 | PHASE_BIT : word1 & ~PHASE_BIT, true)
  }
}
