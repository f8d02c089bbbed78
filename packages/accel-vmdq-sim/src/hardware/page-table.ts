import type { View } from '@netaccel/core'
import { copyBytes, wordsOf } from '@netaccel/core'
import type { WordView } from '@netaccel/core'
import { PAGE } from '../layout.js'

interface Entry {
  readonly words: WordView
  readonly offset: number
}

/** Most pages of one guest. */
const MOST = 1024

/** The pages that one pair of queues may touch, by index; index 0 is never given. Another guest's are not even nameable. */
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

  /** Both pages that `length` bytes at `address` touch are there. A frame is shorter than a page. */
  holds(address: number, length: number): boolean {
    const index = address >>> 12
    if (this.entries[index] === undefined) return false
    return (address & (PAGE - 1)) + length <= PAGE || this.entries[index + 1] !== undefined
  }

  /** Copy out of registered pages; {@link holds} was asked. */
  read(address: number, to: WordView, at: number, length: number): void {
    const within = address & (PAGE - 1)
    const first = Math.min(length, PAGE - within)
    const head = this.entries[address >>> 12]
    const tail = this.entries[(address >>> 12) + 1]
    if (head !== undefined) copyBytes(to, at, head.words, head.offset + within, first)
    if (first < length && tail !== undefined)
      copyBytes(to, at + first, tail.words, tail.offset, length - first)
  }

  /** Copy into registered pages. */
  write(address: number, from: WordView, at: number, length: number): void {
    const within = address & (PAGE - 1)
    const first = Math.min(length, PAGE - within)
    const head = this.entries[address >>> 12]
    const tail = this.entries[(address >>> 12) + 1]
    if (head !== undefined) copyBytes(head.words, head.offset + within, from, at, first)
    if (first < length && tail !== undefined)
      copyBytes(tail.words, tail.offset, from, at + first, length - first)
  }
}
