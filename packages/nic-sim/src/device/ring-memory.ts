import type { View } from '@netaccel/packet'
import { wordsOf } from '@netaccel/packet'
import { BUFFER_PAGE, ENTRY_BYTES, ENTRY_SHIFT, PHASE_BIT } from '../constants.js'

const PAGE_ENTRIES_SHIFT = 9
const PAGE_ENTRIES_MASK = BUFFER_PAGE / ENTRY_BYTES - 1
const WORD_SHIFT = 2
/** Words of an entry. */
const ENTRY_WORDS_SHIFT = ENTRY_SHIFT - WORD_SHIFT

/**
 * One ring of 8-byte entries over pages that need not lie together. The pages belong to the driver domain or to
 * the guest, so what stands in them is never trusted: each word is read once, by the caller, into a local.
 */
export class RingMemory {
  readonly capacity: number
  /** The memory that the pages lie in, as words: an entry's two stand at {@link place} and behind it. */
  readonly ints: Int32Array
  /** Index of each page's first word. */
  private readonly bases: readonly number[]
  private readonly mask: number

  /** `pages` are whole pages of one memory, as many as the capacity (a power of two) needs. They are zeroed. */
  constructor(pages: readonly View[], capacity: number) {
    this.capacity = capacity
    this.mask = capacity - 1
    this.ints = wordsOf(pages[0].bytes).ints
    this.bases = pages.map((page) => page.offset >>> WORD_SHIFT)
    for (const page of pages) page.bytes.fill(0, page.offset, page.offset + BUFFER_PAGE)
  }

  /** Where the first word of the entry stands in {@link ints}. */
  place(index: number): number {
    const slot = index & this.mask
    return this.bases[slot >>> PAGE_ENTRIES_SHIFT] + ((slot & PAGE_ENTRIES_MASK) << ENTRY_WORDS_SHIFT)
  }

  /** As a signed number, which is never boxed. */
  word0(index: number): number {
    return this.ints[this.place(index)]
  }

  /** As a signed number: bit 31, the phase, is its sign. */
  word1(index: number): number {
    return this.ints[this.place(index) + 1]
  }

  /** True if `word1` was written in the lap of `index`. */
  inPhase(index: number, word1: number): boolean {
    return word1 < 0 === ((index & this.capacity) === 0)
  }

  /** Puts an entry down, the word with the phase last. */
  write(index: number, word0: number, word1: number): void {
    const { ints } = this
    const at = this.place(index)
    ints[at] = word0
    ints[at + 1] = (index & this.capacity) === 0 ? word1 | PHASE_BIT : word1 & ~PHASE_BIT
  }
}
