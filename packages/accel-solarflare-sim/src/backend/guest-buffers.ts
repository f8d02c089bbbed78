import type { Vi, VifScope } from '@netaccel/core'
import { MAPBUF_MAX_PAGES } from '../shared/words.js'
import type { MapBuf } from '../shared/words.js'

/**
 * The pages that a guest has entered in the NIC's buffer table. Each request is checked before anything is done, and leaves
 * nothing behind when it fails. There may be as many requests as there are pages: a total that 8 does not divide has a
 * tail of smaller ones, which the original refused (CT-06).
 */
export class GuestBuffers {
  private readonly scope: VifScope
  private readonly vi: Vi
  private readonly limit: number
  private readonly standing: { value: number }
  private count = 0

  /** `scope` is closed after the VI, so that no page is unmapped while the NIC may touch it (MEM-03). */
  constructor(scope: VifScope, vi: Vi, limit: number, standing: { value: number }) {
    this.scope = scope
    this.vi = vi
    this.limit = limit
    this.standing = standing
  }

  get pages(): number {
    return this.count
  }

  /** Buffer-table index of the first page, or why not; `guilty`: the guest could have known. */
  map(request: MapBuf): { address: number } | { refused: string; guilty: boolean } {
    const { pages, grants } = request
    if (pages < 1 || pages > MAPBUF_MAX_PAGES || (pages & (pages - 1)) !== 0)
      return { refused: `${pages} pages in one request`, guilty: true }
    if (this.count + pages > this.limit)
      return { refused: `${this.count + pages} buffer pages, its quota is ${this.limit}`, guilty: true }
    const mapping = this.scope.map(grants, 'rw')
    if (typeof mapping === 'number') return { refused: `grant status ${mapping}`, guilty: true }
    const address = this.vi.register(mapping.pages.map(({ page }) => page))
    if (address < 0) {
      mapping.unmap()
      return { refused: `no ${pages} entries of the buffer table (${address})`, guilty: false }
    }
    this.count += pages
    this.standing.value += pages
    return { address }
  }

  /** They went with the VI. */
  forget(): void {
    this.standing.value -= this.count
    this.count = 0
  }
}
