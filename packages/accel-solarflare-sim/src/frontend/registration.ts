import type { GrantRef, Page } from '@netaccel/core'
import { BUFFER_PAGE } from '@netaccel/nic-sim/constants'
import type { MapBuf } from '../shared/words.js'
import { chunkOf } from './allotment.js'
import type { PageTable } from './page-table.js'

/** Requests that wait for an answer at once: fewer than an ordinary message may find outstanding. */
const MOST_OUTSTANDING = 6

/** Something with pages: an arena, a pool's arena. */
export interface Pages {
  readonly offset: number
  readonly pages: readonly Page[]
}

/**
 * Has the guest's pages entered in the NIC's buffer table, chunk by chunk, in MAPBUF requests. The number of a request is
 * that of its first page; an answer that fits no outstanding request is refused.
 */
export class Registration {
  readonly total: number
  private readonly pages: Page[] = []
  private readonly offsets: number[] = []
  private readonly table: PageTable
  private readonly grant: (page: Page) => GrantRef
  /** Number to pages of the requests that wait. */
  private readonly outstanding = new Map<number, number>()
  private asked = 0
  private done = 0

  constructor(stretches: readonly Pages[], table: PageTable, grant: (page: Page) => GrantRef) {
    for (const { offset, pages } of stretches) {
      for (const [i, page] of pages.entries()) {
        this.pages.push(page)
        this.offsets.push(offset + i * BUFFER_PAGE)
      }
    }
    this.total = this.pages.length
    this.table = table
    this.grant = grant
  }

  get complete(): boolean {
    return this.done === this.total
  }

  /** Pages of the next request; 0: none is due now. */
  get due(): number {
    return this.outstanding.size < MOST_OUTSTANDING ? chunkOf(this.total - this.asked) : 0
  }

  /** Grants the pages of the next request, which is to be sent. Throws for want of grant entries. */
  next(): MapBuf {
    const request = this.asked
    const pages = this.due
    const grants = this.pages.slice(request, request + pages).map((page) => this.grant(page))
    this.asked += pages
    this.outstanding.set(request, pages)
    return { request, pages, grants, address: 0 }
  }

  /** An answer. False: nothing like it was asked. */
  answered(answer: MapBuf): boolean {
    const { request, address } = answer
    const pages = this.outstanding.get(request)
    if (pages === undefined || address === 0 || address + pages > 0x10_0000) return false
    this.outstanding.delete(request)
    for (let i = 0; i < pages; i++) this.table.set(this.offsets[request + i], address + i)
    this.done += pages
    return true
  }
}
