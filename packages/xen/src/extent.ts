import { XenError } from './errors.js'
import { PAGE_SHIFT, PAGE_SIZE } from './memory.js'
import { PageAllocator } from './page-allocator.js'
import type { Arena, Page, SharedView } from './memory.js'

/**
 * The memory of one domain: contiguous machine pages. Its typed arrays end where the extent ends, so the bounds of the
 * domain are the bounds of the arrays. Made by `Machine.createExtent`.
 */
export class Extent implements SharedView {
  readonly domid: number
  /** Byte offset of the extent in machine memory. */
  readonly base: number
  /** Always 0: offsets are relative to the domain. */
  readonly offset = 0
  readonly length: number
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly words: Int32Array
  #pages: PageAllocator
  /** 1: the page was given out before. */
  #used: Uint8Array

  constructor(domid: number, buffer: SharedArrayBuffer, base: number, length: number) {
    this.domid = domid
    this.base = base
    this.length = length
    this.view = new DataView(buffer, base, length)
    this.bytes = new Uint8Array(buffer, base, length)
    this.words = new Int32Array(buffer, base, length >> 2)
    this.#pages = new PageAllocator(length >>> PAGE_SHIFT)
    this.#used = new Uint8Array(length >>> PAGE_SHIFT)
  }

  get pages(): number {
    return this.length >>> PAGE_SHIFT
  }

  get pagesFree(): number {
    return this.#pages.free
  }

  /** `count` contiguous zeroed pages, the caller's until `freePages`. Throws NO_MEMORY. */
  allocPages(count: number): Arena {
    if (!Number.isInteger(count) || count < 1)
      throw new XenError('BAD_ARGUMENT', `allocPages takes a number of pages from 1 up, not ${count}`)
    const first = this.#pages.take(count)
    if (first < 0)
      throw new XenError(
        'NO_MEMORY',
        `domain ${this.domid} has no ${count} contiguous free pages (${this.pagesFree} of ${this.pages} are free): give it more pages`,
      )
    return this.#given(first, count)
  }

  /** These pages and no others, zeroed: what a domain that goes on elsewhere had. Throws NO_MEMORY when one is taken. */
  allocPagesAt(first: number, count: number): Arena {
    if (!this.#pages.takeAt(first, count))
      throw new XenError(
        'NO_MEMORY',
        `domain ${this.domid} of ${this.pages} pages cannot have the ${count} from ${first} on: some are taken, or not there`,
      )
    return this.#given(first, count)
  }

  #given(first: number, count: number): Arena {
    const offset = first << PAGE_SHIFT
    const length = count << PAGE_SHIFT
    this.#scrub(first, count)
    const pages = Array.from({ length: count }, (_, index) => (first + index) as Page)
    return { view: this.view, bytes: this.bytes, words: this.words, offset, length, pages }
  }

  /**
   * What was given out before is zeroed. The rest is as the machine gave it, which is zero; to zero it once more would have the
   * system find memory for buffers that are never filled.
   */
  #scrub(first: number, count: number): void {
    const used = this.#used
    for (let page = first; page < first + count; page++) {
      if (used[page] === 1) this.bytes.fill(0, page << PAGE_SHIFT, (page + 1) << PAGE_SHIFT)
    }
    used.fill(1, first, first + count)
  }

  /** Give pages back, all of an arena at once. Throws BAD_PAGE if they are not taken. */
  freePages(arena: Arena): void {
    if (arena.bytes !== this.bytes || !this.#pages.give(arena.offset >>> PAGE_SHIFT, arena.pages.length))
      throw new XenError(
        'BAD_PAGE',
        `domain ${this.domid} was asked to free pages at ${arena.offset} which are not taken from it: freed twice, or another domain's`,
      )
  }

  /** One page as a range of this extent's arrays. */
  pageView(page: Page): SharedView {
    if (!(page >= 0 && page < this.pages))
      throw new XenError('BAD_PAGE', `domain ${this.domid} has no page ${page}: it has ${this.pages}`)
    const { view, bytes, words } = this
    return { view, bytes, words, offset: page << PAGE_SHIFT, length: PAGE_SIZE }
  }
}
