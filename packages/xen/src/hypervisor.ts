import { CleanupStack } from './cleanup.js'
import { defaultCosts } from './cost-table.js'
import type { CostTable } from './cost-table.js'
import { Domain } from './domain.js'
import { makeDomainDirectory, removeFrontends } from './domain-directory.js'
import type { Engine, Timeline } from './engine.js'
import { XenError } from './errors.js'
import { EventChannels } from './event-channels.js'
import { EventChannelTable } from './event-channel-table.js'
import { GNTTAB_XENSTORE_REF } from './grant-abi.js'
import { GrantOps } from './grant-ops.js'
import type { GrantOpsOptions } from './grant-ops.js'
import { GrantTable } from './grant-table.js'
import { Machine } from './machine.js'
import type { MachineOptions } from './machine.js'
import type { Arena, Page } from './memory.js'
import { pinsOnDomain } from './reaper.js'
import type { GrantPin } from './reaper.js'
import { StoreDaemon } from './store-daemon.js'
import { XenstoreClient } from './xenstore/client.js'
import { domainPath } from './xenstore/paths.js'
import type { StoreQuotas } from './xenstore/quotas.js'
import type { Xenstored } from './xenstore/server.js'

export interface HypervisorOptions {
  readonly timeline: Timeline
  /** Its memory is one thread's unless said: all engines of a timeline step on the thread that runs it. */
  readonly machine?: MachineOptions
  /** For every engine that the hypervisor makes. */
  readonly costs?: CostTable
  /** Begins the names of its engines. */
  readonly name?: string
  readonly grants?: GrantOpsOptions
  readonly storeQuotas?: StoreQuotas
}

export interface DomainOptions {
  readonly name: string
  /** 4 KiB pages of its extent. Three are taken at once: shared_info, the store's ring, one grant table frame. */
  readonly pages: number
  /**
   * 'pv': the hypervisor changes its page tables for it, so that it can replace a mapping under its readers. 'pvh': they
   * are translated, and it cannot. 'pv' unless said.
   */
  readonly type?: 'pv' | 'pvh'
  /** The store denies it nothing. The first domain always is. */
  readonly privileged?: boolean
  /** Engines of virtual CPUs that it takes over; it gets its own unless given. */
  readonly engines?: readonly [Engine, ...Engine[]]
  /** Virtual CPUs of its own, 1 to 32. Default 1. */
  readonly vcpus?: number
}

export interface DestroyOptions {
  /** How long other domains may take to let go of its pages, in ns; 2 s unless said. */
  readonly patience?: number
}

/** What was left when a domain was destroyed. */
export interface DestroyReport {
  /** Grants of the dead domain that others still hold. Its memory is not given back before they let go. */
  readonly stillHeld: readonly GrantPin[]
}

interface Assembled {
  readonly domain: Domain
  readonly storePage: Page
  readonly storePort: number
}

const PATIENCE = 2_000_000_000
const LOOK_AGAIN = 1_000_000

/** One machine: its memory, its hypercalls, its store's server, its domains. The first domain made is domain 0. */
export class Hypervisor {
  readonly name: string
  readonly machine: Machine
  readonly timeline: Timeline
  readonly costs: CostTable
  readonly eventChannels: EventChannelTable
  readonly #grantOptions: GrantOpsOptions
  readonly #daemon: StoreDaemon
  readonly #domains = new Map<number, Domain>()
  readonly #privileged = new Set<number>()
  readonly #zombies = new Set<Domain>()
  readonly #engineOwned = new Set<Engine>()
  #nextDomid = 0

  constructor(options: HypervisorOptions) {
    this.name = options.name ?? 'host'
    this.timeline = options.timeline
    this.costs = options.costs ?? defaultCosts
    this.machine = new Machine({ name: this.name, threads: 'one', ...options.machine })
    this.eventChannels = new EventChannelTable(this.machine)
    this.#grantOptions = options.grants ?? {}
    this.#daemon = new StoreDaemon(this.#engine('xenstored'), options.storeQuotas, (domid) =>
      this.#roleOf(domid),
    )
  }

  get xenstored(): Xenstored {
    return this.#daemon.server
  }

  /** Domains that live, by domid. */
  get domains(): ReadonlyMap<number, Domain> {
    return this.#domains
  }

  /** Domains that are dead but whose pages others hold. */
  get zombies(): readonly Domain[] {
    return [...this.#zombies]
  }

  /**
   * Makes a domain and connects it to the store: memory, shared_info, grant table, ring page and port of the store,
   * its directory `/local/domain/<id>`. Resolves when the domain's own client has had its first answer. When any of it
   * fails, all is undone. Needs the timeline to run meanwhile.
   */
  async createDomain(options: DomainOptions): Promise<Domain> {
    const cleanup = new CleanupStack()
    this.timeline.asyncBegin()
    try {
      return await this.#build(options, cleanup)
    } catch (error) {
      await cleanup.run()
      throw error
    } finally {
      this.timeline.asyncEnd()
    }
  }

  /**
   * Kills a domain and takes back all it had: its code stops, its ports close, its watches and transactions are dropped,
   * what it had mapped is let go, its directory and the backend directories made for it are removed, @releaseDomain is
   * told. Its memory follows when nobody holds a page of it any more; who does after `patience` is reported, and the
   * memory stays away until `reapZombies`.
   */
  async destroyDomain(domain: Domain, options: DestroyOptions = {}): Promise<DestroyReport> {
    if (this.#domains.get(domain.id) !== domain) return { stillHeld: pinsOn(this.machine, domain) }
    if (domain.id === 0 && this.#domains.size > 1)
      throw new XenError('IN_USE', 'domain 0 serves the store: destroy the other domains first')
    this.timeline.asyncBegin()
    try {
      this.#kill(domain)
      if (domain.id !== 0) await this.#removeNodes(domain.id, options.patience ?? PATIENCE)
      this.reapZombies()
      return { stillHeld: this.#zombies.has(domain) ? pinsOn(this.machine, domain) : [] }
    } finally {
      this.timeline.asyncEnd()
    }
  }

  /** Gives back the memory of dead domains that nobody holds a page of any more. Returns how many are left. */
  reapZombies(): number {
    for (const domain of this.#zombies) {
      if (pinsOn(this.machine, domain).length > 0) continue
      this.machine.destroyExtent(domain.extent)
      this.#zombies.delete(domain)
    }
    return this.#zombies.size
  }

  async #build(options: DomainOptions, cleanup: CleanupStack): Promise<Domain> {
    const { domain, storePage, storePort } = this.#assemble(options, cleanup)
    const { id } = domain
    this.#domains.set(id, domain)
    if (id === 0 || options.privileged === true) this.#privileged.add(id)
    cleanup.push('domain', () => {
      this.#domains.delete(id)
      this.#privileged.delete(id)
      this.xenstored.domainDied(id)
    })
    await this.#introduce(domain, storePage, storePort, cleanup)
    await domain.store.read('domid')
    return domain
  }

  /** The domain's own parts: memory, virtual CPU, tables, and the client's end of the store's page. */
  #assemble(options: DomainOptions, cleanup: CleanupStack): Assembled {
    const { machine } = this
    const id = this.#takeDomid()
    const extent = machine.createExtent(id, options.pages)
    cleanup.push('memory', () => machine.destroyExtent(extent))
    if (options.type === 'pvh') machine.markTranslated(id)
    const engines = options.engines ?? this.#ownEngines(options, cleanup)
    const [engine] = engines
    const sharedInfo = extent.allocPages(1)
    const storeArena = extent.allocPages(1)
    const storePage = pageOf(storeArena)
    const grants = new GrantTable(machine, extent, { after: (ns, work) => engine.after(ns, work) })
    const grantOps = new GrantOps(machine, id, this.#grantOptions)
    grants.permit(GNTTAB_XENSTORE_REF, 0, storePage, false)
    this.eventChannels.addDomain(id, pageOf(sharedInfo), engines)
    cleanup.push('ports', () => this.eventChannels.removeDomain(id))
    const events = new EventChannels(id, this.eventChannels, engines, sharedInfo)
    cleanup.push('upcalls', () => events.shutdown())
    const storePort = events.allocUnbound(0, () => store.ready())
    const store = new XenstoreClient(id, engine, storeArena, () => events.notify(storePort))
    cleanup.push('store client', () => store.close())
    const parts = { id, name: options.name, machine, extent, grants, grantOps, events, store, engines }
    const domain = new Domain({ ...parts, watchCount: () => this.xenstored.watchesOf(id) })
    return { domain, storePage, storePort }
  }

  #ownEngines({ name, vcpus = 1 }: DomainOptions, cleanup: CleanupStack): readonly [Engine, ...Engine[]] {
    const own = (label: string): Engine => {
      const engine = this.#engine(label)
      this.#engineOwned.add(engine)
      cleanup.push('engine', () => this.#dropEngine(engine))
      return engine
    }
    const first = own(name)
    return [first, ...Array.from({ length: vcpus - 1 }, (_, index) => own(`${name}.cpu${index + 1}`))]
  }

  /** What libxl writes for a new domain, and INTRODUCE. */
  async #introduce(domain: Domain, page: Page, port: number, cleanup: CleanupStack): Promise<void> {
    if (domain.id === 0) {
      this.#daemon.attachTo(domain)
      this.xenstored.introduce(0, page, port)
    }
    const { store } = this.#dom0()
    const { id } = domain
    cleanup.push('store directory', () => (id === 0 ? undefined : store.rm(domainPath(id))))
    await makeDomainDirectory(store, id, domain.name)
    if (id !== 0) await store.introduce(id, page, port)
  }

  /** Everything that needs no answer: after this no code, port, mapping or watch of the domain is left. */
  #kill(domain: Domain): void {
    this.#domains.delete(domain.id)
    this.#privileged.delete(domain.id)
    this.#zombies.add(domain)
    domain.kill()
    for (const engine of domain.cpus) if (this.#engineOwned.has(engine)) this.#dropEngine(engine)
    this.machine.markDying(domain.id)
    // The server lets go of the ring page and its port before domain 0 itself loses its tables.
    this.xenstored.domainDied(domain.id)
    this.eventChannels.removeDomain(domain.id)
    domain.grantOps.releaseMappings()
  }

  /** As `xl destroy`: the frontend's directory first, time for the backends to let go, then theirs. */
  async #removeNodes(domid: number, patience: number): Promise<void> {
    const { store, engine } = this.#dom0()
    const backends = await removeFrontends(store, domid)
    const end = engine.now() + patience
    while (engine.now() < end && pinsOnDomain(this.machine, domid).length > 0)
      await new Promise<void>((resolve) => {
        engine.after(LOOK_AGAIN, resolve)
      })
    for (const path of backends) await store.rm(path)
  }

  /** The next number that is free. As on Xen one is used again only when all others have been. */
  #takeDomid(): number {
    const { maxDomains } = this.machine
    for (let tries = 0; tries < maxDomains; tries++) {
      const domid = this.#nextDomid
      // 0 is for the first domain alone.
      this.#nextDomid = domid + 1 < maxDomains ? domid + 1 : 1
      if (!this.machine.hasDomain(domid)) return domid
    }
    throw new XenError(
      'BAD_DOMAIN',
      `all ${maxDomains} domain numbers of ${this.name} are in use: destroy a domain first`,
    )
  }

  #dom0(): Domain {
    const dom0 = this.#domains.get(0)
    if (dom0 === undefined) throw new XenError('BAD_STATE', `${this.name} has no domain 0: create it first`)
    return dom0
  }

  #roleOf(domid: number): 'none' | 'guest' | 'privileged' {
    if (!this.#domains.has(domid)) return 'none'
    return this.#privileged.has(domid) ? 'privileged' : 'guest'
  }

  #engine(name: string): Engine {
    return this.timeline.engine(`${this.name}.${name}`, this.costs)
  }

  #dropEngine(engine: Engine): void {
    this.#engineOwned.delete(engine)
    this.timeline.removeEngine(engine)
  }
}

function pageOf(arena: Arena): Page {
  return arena.pages[0]
}

function pinsOn(machine: Machine, domain: Domain): GrantPin[] {
  return machine.hasDomain(domain.id) ? pinsOnDomain(machine, domain.id) : []
}
