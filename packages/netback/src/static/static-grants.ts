import { wordsOf } from '@netaccel/packet'
import type { WordView } from '@netaccel/packet'
import { copyEngine, MappedPage } from '@netaccel/xen'
import type { CopyEngine, Domain } from '@netaccel/xen'

/** References of the largest grant table: 64 frames of 512. */
const MOST_REFS = 32_768
/** Pages of one queue: the buffers of a full ring each way, and as many again. */
export const MOST_STATIC_GRANTS = 1024

/**
 * Pages of a guest's that it has granted one queue for good (XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING): they stay mapped, so a
 * packet in one of them needs no grant operation. The guest has said that we may read them at any time; what is in them is
 * still copied once and looked at afterwards.
 */
export class StaticGrants {
  /** All of the machine's memory, in which {@link place} counts. */
  readonly memory: WordView
  /** By reference: machine byte offset of the page, 0: not mapped. */
  readonly place: Int32Array
  readonly engine: CopyEngine
  /** Where the domain's own memory begins in the machine's. */
  readonly base: number
  private readonly domain: Domain
  private readonly guest: number
  private readonly pages: Map<number, MappedPage>

  constructor(domain: Domain, guest: number) {
    this.domain = domain
    this.guest = guest
    this.memory = wordsOf(new Uint8Array(domain.machine.buffer))
    this.engine = copyEngine(domain.machine)
    this.base = domain.extent.base
    this.place = new Int32Array(MOST_REFS)
    this.pages = new Map()
  }

  get size(): number {
    return this.pages.size
  }

  /** Map a page; false if it cannot be, is mapped already, or is one too many. */
  add(ref: number, readonly: boolean): boolean {
    if (ref >= MOST_REFS || this.pages.has(ref) || this.pages.size >= MOST_STATIC_GRANTS) return false
    const page = this.domain.grantOps.map(this.guest, ref, readonly ? 'ro' : 'rw')
    if (!(page instanceof MappedPage)) return false
    this.pages.set(ref, page)
    this.place[ref] = page.hostAddr
    return true
  }

  /** Let go of a page; false if it is none of these. */
  remove(ref: number): boolean {
    const page = this.pages.get(ref)
    if (page === undefined) return false
    this.pages.delete(ref)
    this.place[ref] = 0
    this.domain.grantOps.unmap(page)
    return true
  }

  /** Let go of all. */
  close(): void {
    for (const ref of [...this.pages.keys()]) this.remove(ref)
  }
}
