import { Frame, wordsOf } from '@netaccel/packet'
import type { FrameOwner, WordView } from '@netaccel/packet'
import type { Arena, Page } from '@netaccel/xen'

const PAGE = 4096
const FREE = 0
/** Posted, held or withheld: who has it knows which. */
const TAKEN = 1

/** No page is free. */
export const NO_PAGE = -1

/**
 * The pages a queue posts for reception. They are posted in cyclic order, so the slots of one packet are usually
 * neighbours, and a packet of many pages is one frame over them without a copy. The circle is no wider than need be:
 * what is used again soon is still in the caches.
 *
 * A page is free, posted (the backend may write it), held by a delivered frame, or withheld: the backend still maps it
 * after its grant should have ended, so it must not be used before it lets go (XSA-396).
 */
export class RxPages implements FrameOwner {
  readonly arena: Arena
  readonly count: number
  readonly words: WordView
  /** Called when a frame has come back while the ring was short of pages. */
  onFree: (() => void) | null
  private readonly first: number
  private readonly state: Uint8Array
  /** Pages that a delivered frame covers, by its first page. */
  private readonly span: Uint8Array
  private readonly single: readonly Frame[]
  private readonly many: readonly Frame[]
  /** Where the search for a free page goes on, and the pages that it goes round. */
  private cursor: number
  private circle: number
  private freePages: number
  private withheldPages: number

  constructor(arena: Arena) {
    this.arena = arena
    this.count = arena.length / PAGE
    this.words = wordsOf(arena.bytes)
    this.onFree = null
    this.first = arena.offset / PAGE
    this.state = new Uint8Array(this.count)
    this.span = new Uint8Array(this.count)
    const single: Frame[] = []
    const many: Frame[] = []
    for (let page = 0; page < this.count; page++) {
      const start = arena.offset + page * PAGE
      const room = Math.min(18, this.count - page) * PAGE
      single.push(new Frame(this.words, start, PAGE, page, this))
      many.push(new Frame(this.words, start, room, page, this))
    }
    this.single = single
    this.many = many
    this.cursor = 0
    this.circle = this.count
    this.freePages = this.count
    this.withheldPages = 0
  }

  get free(): number {
    return this.freePages
  }

  get withheld(): number {
    return this.withheldPages
  }

  /**
   * Nothing will be posted any more: `free` is called once the last frame is back and no page is withheld,
   * now or later.
   */
  close(free: () => void): void {
    const check = (): void => {
      if (this.freePages !== this.count) return
      this.onFree = null
      free()
    }
    this.onFree = check
    check()
  }

  /** The frame number of a page within the domain. */
  gfn(page: number): Page {
    return (this.first + page) as Page
  }

  /** First byte of a page in the domain's memory. */
  byteOffset(page: number): number {
    return (this.first + page) * PAGE
  }

  /** Go round the first `pages` only, while some of those are free. */
  keepTo(pages: number): void {
    this.circle = pages < this.count ? pages : this.count
  }

  /** The next free page in cyclic order, marked posted, or {@link NO_PAGE}. */
  post(): number {
    if (this.freePages === 0) return NO_PAGE
    const { state } = this
    let page = this.cursor
    for (let looked = 0; ; looked++) {
      if (page >= this.circle) page = 0
      if (state[page] === FREE) break
      page++
      // The stack holds more than was thought of: some page is free, further on.
      if (looked === this.circle) this.circle = this.count
    }
    this.cursor = page + 1
    state[page] = TAKEN
    this.freePages--
    return page
  }

  /** A posted page whose grant has ended and whose bytes nobody wants. */
  discard(page: number): void {
    this.state[page] = FREE
    this.freePages++
  }

  /** A posted page whose grant could not be ended: it stays taken. */
  withhold(): void {
    this.withheldPages++
  }

  /** The backend has let go of a withheld page. */
  readmit(page: number): void {
    this.withheldPages--
    this.state[page] = FREE
    this.freePages++
    if (this.onFree !== null) this.onFree()
  }

  /** A frame over `pages` neighbouring posted pages whose grants have ended; it owns them until its release. */
  deliver(page: number, pages: number, offset: number, length: number): Frame {
    if (pages === 1) return this.deliverOne(page, offset, length)
    const frame = this.many[page]
    this.span[page] = pages
    frame.reset(offset)
    frame.length = length
    return frame
  }

  /** The same over one page, as most are. */
  deliverOne(page: number, offset: number, length: number): Frame {
    const frame = this.single[page]
    frame.reset(offset)
    frame.length = length
    return frame
  }

  /** Called by a frame's last release. */
  reclaim(frame: Frame): void {
    const page = frame.index
    // A frame over several has room for them.
    if (frame.capacity === PAGE) {
      this.state[page] = FREE
      this.freePages++
    } else this.reclaimMany(page)
    if (this.onFree !== null) this.onFree()
  }

  private reclaimMany(page: number): void {
    const pages = this.span[page]
    for (let i = page; i < page + pages; i++) this.state[i] = FREE
    this.freePages += pages
  }
}
