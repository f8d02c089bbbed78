import type { Domain } from './domain.js'
import type { Engine } from './engine.js'
import { GNTTAB_XENSTORE_REF } from './grant-abi.js'
import type { Page, SharedView } from './memory.js'
import { Xenstored } from './xenstore/server.js'
import type { StorePlatform } from './xenstore/server.js'
import type { StoreQuotas } from './xenstore/quotas.js'
import { RingTransport } from './xenstore/transport.js'
import type { StoreTransport } from './xenstore/transport.js'

/** What a number stands for. */
export type DomainRole = 'none' | 'guest' | 'privileged'

/** A page and what gives it back. */
interface OpenPage {
  readonly page: SharedView
  readonly close: () => void
}

/**
 * The store's server as a process of domain 0: it maps the ring pages of other domains through their grant 1 and binds
 * to their ports, with domain 0's own hypercalls.
 */
export class StoreDaemon implements StorePlatform {
  readonly server: Xenstored
  readonly #role: (domid: number) => DomainRole
  #home: Domain | undefined

  constructor(engine: Engine, quotas: StoreQuotas | undefined, role: (domid: number) => DomainRole) {
    this.#role = role
    this.server = new Xenstored(engine, this, quotas)
  }

  /** Domain 0 is there: the server runs in it from here on. */
  attachTo(home: Domain): void {
    this.#home = home
  }

  isDomain(domid: number): boolean {
    return this.#role(domid) !== 'none'
  }

  isPrivileged(domid: number): boolean {
    return this.#role(domid) === 'privileged'
  }

  open(domid: number, gfn: number, port: number, ready: () => void): StoreTransport | undefined {
    const home = this.#home
    if (home === undefined) return undefined
    const page = domid === home.id ? this.#ownPage(home, gfn) : this.#mapPage(home, domid)
    if (page === undefined) return undefined
    const local = home.events.bindInterdomain(domid, port, ready)
    if (local === undefined) {
      page.close()
      return undefined
    }
    return new RingTransport(
      page.page,
      () => home.events.notify(local),
      () => {
        home.events.close(local)
        page.close()
      },
    )
  }

  #ownPage(home: Domain, gfn: number): OpenPage | undefined {
    if (gfn >= home.extent.pages) return undefined
    return { page: home.extent.pageView(gfn as Page), close: () => {} }
  }

  /** The page behind the domain's grant 1; the frame number in the request is not used, as in the C daemon. */
  #mapPage(home: Domain, domid: number): OpenPage | undefined {
    const page = home.grantOps.map(domid, GNTTAB_XENSTORE_REF, 'rw')
    if (typeof page === 'number') return undefined
    return { page, close: () => home.grantOps.unmap(page) }
  }
}
