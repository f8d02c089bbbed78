import type { View, WordView } from '@netaccel/core'
import { copyBytes, ETH_DESTINATION, wordsOf } from '@netaccel/core'
import { PAGE } from '../layout.js'

/** Most pages of one guest. */
const MOST = 1024

interface Entry {
  readonly view: DataView
  readonly words: WordView
  readonly offset: number
  readonly writable: boolean
}

/**
 * The pages that one guest has given, by index. Index 0 is never given, so a descriptor of zeroes names nothing.
 * Another guest's pages are not even nameable (MEM-06).
 */
export class PageTable {
  private readonly entries: (Entry | undefined)[] = [undefined]

  /** First index, or -1: too many. */
  add(pages: readonly View[], writable: boolean): number {
    const first = this.entries.length
    if (first + pages.length > MOST) return -1
    for (const { bytes, view, offset } of pages)
      this.entries.push({ view, words: wordsOf(bytes, view), offset, writable })
    return first
  }

  clear(): void {
    this.entries.length = 1
  }

  /** The page is there, and `length` bytes at the address lie in it. */
  holds(address: number, length: number): boolean {
    return this.entries[address >>> 12] !== undefined && (address & (PAGE - 1)) + length <= PAGE
  }

  /** The same, and the guest lets us write there: it has granted the pages that it sends from to be read only. */
  takes(address: number, length: number): boolean {
    return this.entries[address >>> 12]?.writable === true && this.holds(address, length)
  }

  /** Upper 16 bits of the destination address of a frame; {@link holds} was asked. */
  high(address: number): number {
    const entry = this.entries[address >>> 12]
    return entry === undefined
      ? 0
      : entry.view.getUint16(entry.offset + (address & (PAGE - 1)) + ETH_DESTINATION)
  }

  /** The lower 32. */
  low(address: number): number {
    const entry = this.entries[address >>> 12]
    return entry === undefined
      ? 0
      : entry.view.getInt32(entry.offset + (address & (PAGE - 1)) + ETH_DESTINATION + 2)
  }

  /** Copies a frame into another guest's page; both were asked whether they hold it. */
  copy(address: number, to: PageTable, at: number, length: number): void {
    const source = this.entries[address >>> 12]
    const target = to.entries[at >>> 12]
    if (source === undefined || target === undefined) return
    copyBytes(
      target.words,
      target.offset + (at & (PAGE - 1)),
      source.words,
      source.offset + (address & (PAGE - 1)),
      length,
    )
  }
}
