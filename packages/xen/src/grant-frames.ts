// GNTTABOP_setup_table: the hypervisor takes note of a grant table frame and makes its active entries.
import { XenError } from './errors.js'
import { MAX_GRANT_FRAMES } from './grant-abi.js'
import {
  DOMAIN_ACTIVE_FRAMES,
  DOMAIN_GRANT_ENTRIES,
  DOMAIN_SHARED_FRAMES,
  ENTRIES_PER_FRAME_SHIFT,
} from './hypervisor-layout.js'
import { PAGE_SHIFT } from './memory.js'
import { ACTIVE_PAGES_PER_FRAME } from './reaper.js'
import type { Machine } from './machine.js'
import type { Page } from './memory.js'

/**
 * Make `page` of the domain the next frame of its grant table; it has been zeroed. From then on the domain's entries
 * there count. Throws NO_MEMORY, or NO_GRANTS when the table has 64 frames.
 */
export function addGrantFrame(machine: Machine, domid: number, page: Page): void {
  const extent = machine.extentOf(domid)
  const { offset } = extent.pageView(page)
  const { words } = machine
  const record = machine.record(domid)
  const frame = words[(record + DOMAIN_GRANT_ENTRIES) >> 2] >>> ENTRIES_PER_FRAME_SHIFT
  if (frame >= MAX_GRANT_FRAMES)
    throw new XenError('NO_GRANTS', `the grant table of domain ${domid} has all ${MAX_GRANT_FRAMES} frames`)
  words[((record + DOMAIN_SHARED_FRAMES) >> 2) + frame] =
    extent.base + ((offset >>> PAGE_SHIFT) << PAGE_SHIFT)
  words[((record + DOMAIN_ACTIVE_FRAMES) >> 2) + frame] = machine.takePages(ACTIVE_PAGES_PER_FRAME)
  Atomics.store(words, (record + DOMAIN_GRANT_ENTRIES) >> 2, (frame + 1) << ENTRIES_PER_FRAME_SHIFT)
}
