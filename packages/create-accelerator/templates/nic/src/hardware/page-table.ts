import type { View, WordView } from '@netaccel/core'
import { copyBytes, wordsOf } from '@netaccel/core'
import { PAGE } from '../layout.js'

/** Most pages of one guest. */
const MOST = 1024

interface Entry {
  readonly words: WordView
  readonly offset: number
}

/**
 * The pages that one pair of queues may touch, by index. Index 0 is never given, so a descriptor of zeroes names nothing.
 * Another guest's pages are not even nameable (MEM-06).
 */
export class PageTable {
  private readonly entries: (Entry | undefined)[] = [undefined]

  /** First index, or -1: too many. */
  add(pages: readonly View[]): number {
    const first = this.entries.length
    if (first + pages.length > MOST) return -1
    for (const { bytes, view, offset } of pages) this.entries.push({ words: wordsOf(bytes, view), offset })
    return first
  }

  /** Indices are not given again while the queues live: what is stale stays nobody's. */
  remove(first: number, count: number): void {
    for (let i = first; i < first + count && i < this.entries.length; i++) this.entries[i] = undefined
  }

  clear(): void {
    this.entries.length = 1
  }

  /** The page is there, and `length` bytes at the address lie in it. */
  holds(address: number, length: number): boolean {
    return this.entries[address >>> 12] !== undefined && (address & (PAGE - 1)) + length <= PAGE
  }

  /** Copies out of a page; {@link holds} was asked. */
  read(address: number, to: WordView, at: number, length: number): void {
    const entry = this.entries[address >>> 12]
    if (entry !== undefined) copyBytes(to, at, entry.words, entry.offset + (address & (PAGE - 1)), length)
  }

  /** Copies into a page. */
  write(address: number, from: WordView, at: number, length: number): void {
    const entry = this.entries[address >>> 12]
    if (entry !== undefined) copyBytes(entry.words, entry.offset + (address & (PAGE - 1)), from, at, length)
  }
}
