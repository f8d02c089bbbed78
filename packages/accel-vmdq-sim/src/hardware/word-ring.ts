import type { Arena, Mapping, View } from '@netaccel/core'
import { ENTRY_BYTES } from '../layout.js'

/** Entries of two words in contiguous memory. Reads one word at a time; whoever else writes there may change the next. */
export class WordRing {
  readonly capacity: number
  private readonly view: DataView
  private readonly at: number
  private readonly mask: number

  /** `capacity` is a power of two; the ring begins `offset` bytes into the memory. */
  constructor(memory: View, offset: number, capacity: number) {
    this.capacity = capacity
    this.view = memory.view
    this.at = memory.offset + offset
    this.mask = capacity - 1
  }

  word0(index: number): number {
    return this.view.getInt32(this.at + (index & this.mask) * ENTRY_BYTES, true)
  }

  word1(index: number): number {
    return this.view.getInt32(this.at + (index & this.mask) * ENTRY_BYTES + 4, true)
  }

  /** The second word last: its phase says that the entry is there. */
  write(index: number, word0: number, word1: number): void {
    const at = this.at + (index & this.mask) * ENTRY_BYTES
    this.view.setInt32(at, word0, true)
    this.view.setInt32(at + 4, word1, true)
  }
}

/** The memory of rings as one stretch; undefined if it is none. */
export function whole(rings: Arena | Mapping): View | undefined {
  return 'offset' in rings ? rings : rings.whole
}
