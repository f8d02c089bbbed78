import { XenError } from './errors.js'
import type { Page } from './memory.js'

/** Called with the byte offset in the page and the 32-bit value a grantee wrote. */
export type IoWritten = (offset: number, value: number) => void
/** Called with the byte offset in the page; gives the 32-bit value a grantee reads. */
export type IoRead = (offset: number) => number

export interface IoRegion {
  readonly owner: number
  readonly written: IoWritten
  readonly read: IoRead | undefined
}

/** 0xf0000000, below 4 GiB, where a PC has its PCI devices; RAM ends before it. */
export const FIRST_IO_FRAME = 0xf0000

/** The frames beyond RAM: which domain owns each, and what a write to it does. */
export class IoPages {
  #regions = new Map<number, IoRegion>()
  #next = FIRST_IO_FRAME

  add(owner: number, written: IoWritten, read?: IoRead): Page {
    const page = this.#next++ as Page
    this.#regions.set(page, { owner, written, read })
    return page
  }

  /** What a frame number stands for; undefined when it is no I/O page. */
  find(page: number): IoRegion | undefined {
    return this.#regions.get(page)
  }

  /** The device is gone. Frame numbers are not used again, so a late grant of one finds nothing. */
  remove(page: Page): void {
    if (!this.#regions.delete(page)) throw new XenError('BAD_PAGE', `page ${page} is no I/O page`)
  }

  dropOwner(domid: number): void {
    for (const [page, region] of this.#regions) if (region.owner === domid) this.#regions.delete(page)
  }
}
