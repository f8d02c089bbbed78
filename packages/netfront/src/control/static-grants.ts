import type { Arena, CleanupStack, Domain, Engine } from '@netaccel/xen'
import {
  XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING,
  XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE,
  XEN_NETIF_CTRLF_GREF_READONLY,
  XEN_NETIF_GREF_BYTES,
} from '@netaccel/xen'
import { Quarantine } from '../quarantine.js'
import type { ControlRing } from './control-ring.js'

const PAGE = 4096

/** References of pages that the backend has mapped for good, by the page's number in the arena. */
export interface StaticRefs {
  readonly firstPage: number
  readonly refs: Int32Array
}

/**
 * Grants every page of an arena to the backend for as long as the connection lasts, to read, and tells it so for each queue: a
 * frame that lies there is then sent without a grant of its own. The backend may read those pages at any time, so they
 * hold frames to be sent and nothing else.
 */
export class StaticGrants {
  readonly given: StaticRefs
  private readonly domain: Domain
  private readonly backend: number

  /** Claims a reference for each page, pushed on `cleanup`. Throws NO_GRANTS. */
  constructor(domain: Domain, backend: number, arena: Arena, engine: Engine, cleanup: CleanupStack) {
    const { grants } = domain
    const refs: number[] = []
    const quarantine = new Quarantine(grants, engine)
    cleanup.push('static grants', () => {
      for (const ref of refs) {
        if (grants.tryEnd(ref)) grants.release(ref)
        else quarantine.add(ref, () => {})
      }
    })
    for (const page of arena.pages) refs.push(grants.grant(backend, page, 'ro'))
    this.domain = domain
    this.backend = backend
    this.given = { firstPage: arena.offset / PAGE, refs: Int32Array.from(refs) }
  }

  /** Tell the backend of all pages, for that queue. Rejects as {@link ControlRing.ask}; the queue then grants each frame. */
  async tell(ring: ControlRing, queue: number): Promise<void> {
    const { refs } = this.given
    const most = await ring.ask(XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, [queue])
    const each = PAGE / XEN_NETIF_GREF_BYTES
    // All or none: what is sent looks at the arena, not at which pages of it are known.
    if (most < refs.length)
      return Promise.reject(new RangeError(`queue ${queue} takes ${most} static grants`))
    for (let from = 0; from < refs.length; from += each)
      await this.add(ring, queue, refs.subarray(from, from + each))
  }

  private async add(ring: ControlRing, queue: number, refs: Int32Array): Promise<void> {
    const { backend, domain } = this
    const page = domain.extent.allocPages(1)
    const word = page.offset >> 2
    for (const [entry, ref] of refs.entries()) {
      page.words[word + 2 * entry] = ref
      page.words[word + 2 * entry + 1] = XEN_NETIF_CTRLF_GREF_READONLY
    }
    const list = domain.grants.grant(backend, page.pages[0], 'rw')
    try {
      await ring.ask(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, [queue, list, refs.length])
    } finally {
      domain.grants.endGrant(list, page)
    }
  }
}
