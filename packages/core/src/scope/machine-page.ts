import type { MappedPage } from '@netaccel/xen'
import type { Page } from '../contract/index.js'

/**
 * Where the handles of mapped pages begin: above every frame number of a domain (below 0x80000) and every I/O frame
 * (0xf0000 up), so that a handle says by itself what it stands for.
 */
const MAPPED_BASE = 0x200000
const PAGE_SHIFT = 12

/** The handle of a page of another domain that is mapped here: it names the machine frame. */
export function mappedPageHandle(page: MappedPage): Page {
  return (MAPPED_BASE + Math.floor(page.hostAddr / (1 << PAGE_SHIFT))) as Page
}

/** The machine frame behind a mapped page's handle; -1 for a frame number of the domain itself. */
export function machineFrameOf(page: Page): number {
  return page >= MAPPED_BASE ? page - MAPPED_BASE : -1
}
