import type { Arena, Domain, VmArea } from '@netaccel/xen'
import { XenError } from '@netaccel/xen'
import { NONE } from './pending-slots.js'

/**
 * Pages of the driver domain's own that take the place of guests' pages. Each is shown at a page of the VM area, from which
 * unmap_and_replace moves it under the packet; the address that it leaves is free for the next mapping.
 */
export class LocalPages {
  private readonly domain: Domain
  private readonly area: VmArea
  /** By page of the area: the page of ours that it shows. */
  private readonly arenas: (Arena | null)[]
  /** Pages of the area that show nothing and belong to no slot. */
  private readonly spare: Int32Array
  private spareCount: number
  private usedCount: number

  /** The area's pages from `first` on are for copies; those before are the slots'. */
  constructor(domain: Domain, area: VmArea, first: number) {
    this.domain = domain
    this.area = area
    this.arenas = Array.from({ length: area.pages }, () => null)
    this.spare = Int32Array.from({ length: area.pages - first }, (_, page) => first + page)
    this.spareCount = this.spare.length
    this.usedCount = 0
  }

  /** Pages in use. */
  get used(): number {
    return this.usedCount
  }

  /** A page of the area that shows an empty page of ours; NONE: there is no memory, or no address. */
  take(): number {
    if (this.spareCount === 0) return NONE
    const arena = this.allocate()
    if (arena === null) return NONE
    const page = this.spare[--this.spareCount]
    this.area.show(page, arena.pages[0])
    this.arenas[page] = arena
    this.usedCount++
    return page
  }

  /** What `from` showed is now shown by `to`, and `from` is the slot's whose address `to` was. */
  moved(from: number, to: number): void {
    this.arenas[to] = this.arenas[from]
    this.arenas[from] = null
  }

  /** The page of ours that `page` shows, or showed, is free, and so is the address. */
  give(page: number): void {
    const arena = this.arenas[page]
    if (arena === null) return
    this.area.hide(page)
    this.arenas[page] = null
    this.domain.extent.freePages(arena)
    this.spare[this.spareCount++] = page
    this.usedCount--
  }

  private allocate(): Arena | null {
    try {
      return this.domain.extent.allocPages(1)
    } catch (error) {
      if (error instanceof XenError && error.code === 'NO_MEMORY') return null
      throw error
    }
  }
}
