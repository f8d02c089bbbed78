import type { Engine, PollHandle, Poller } from '../engine.js'
import { dispatch } from './dispatch.js'
import type { StoreService } from './dispatch.js'
import { DirectView } from './node-view.js'
import type { NodeChange } from './operations.js'
import type { Perm, Principal } from './permissions.js'
import { defaultQuotas } from './quotas.js'
import type { StoreQuotas, StreamLimits } from './quotas.js'
import { StoreSession } from './session.js'
import type { OpenRequest, SessionHost } from './session.js'
import type { StoreTransport } from './transport.js'
import { freshNode, StoreTree } from './tree.js'
import { WatchTable } from './watches.js'

/** Requests of one client that are served before the next client has its turn. */
const TURN = 8

/** What the server needs of the hypervisor. */
export interface StorePlatform {
  /** A domain of this number exists. */
  isDomain(domid: number): boolean
  /** It may do everything in the store. */
  isPrivileged(domid: number): boolean
  /**
   * Maps the domain's ring page (its grant 1) and binds to its port; `ready` is to be called at every event. Undefined
   * when there is no such page or port.
   */
  open(domid: number, gfn: number, port: number, ready: () => void): StoreTransport | undefined
}

/**
 * The store's server, after the C xenstored 4.17. It serves every client in turn on an engine of its own; nothing that
 * a client sends makes it throw, wait, or work longer than its turn.
 */
export class Xenstored implements SessionHost, StoreService, Poller {
  readonly name = 'xenstored'
  readonly engine: Engine
  readonly quotas: StoreQuotas
  readonly tree = new StoreTree()
  readonly direct = new DirectView(this.tree)
  readonly watches = new WatchTable()
  readonly #platform: StorePlatform
  readonly #poll: PollHandle
  readonly #domains = new Map<number, StoreSession>()
  readonly #sessions = new Set<StoreSession>()
  #ready: StoreSession[] = []
  readonly #special = new Map<string, readonly Perm[]>([
    ['@introduceDomain', [{ domid: 0, letter: 'n' }]],
    ['@releaseDomain', [{ domid: 0, letter: 'n' }]],
  ])

  constructor(engine: Engine, platform: StorePlatform, quotas: StoreQuotas = defaultQuotas) {
    this.engine = engine
    this.#platform = platform
    this.quotas = quotas
    this.#poll = engine.addPoller(this)
  }

  /**
   * Serves a client from here on. Call `wake` with the result whenever bytes or room have come. `stream`: it speaks over a
   * socket, and may take so much.
   */
  connect(transport: StoreTransport, who: Principal, stream?: StreamLimits): StoreSession {
    const session = new StoreSession(this, transport, who, stream)
    this.#sessions.add(session)
    this.wake(session)
    return session
  }

  /** The client is gone: its watches and transactions with it. */
  disconnect(session: StoreSession): void {
    if (!this.#sessions.delete(session)) return
    this.watches.removeAll(session)
    session.close()
  }

  wake(session: StoreSession): void {
    if (session.ready || !this.#sessions.has(session)) return
    session.ready = true
    this.#ready.push(session)
    this.#poll.schedule()
  }

  /** Serves clients in turn, at most `budget` requests. */
  poll(budget: number): boolean {
    let left = budget
    while (left > 0 && this.#ready.length > 0) {
      const session = this.#ready.shift()!
      session.ready = false
      if (!this.#sessions.has(session)) continue
      const turns = Math.min(TURN, left)
      const served = this.#serve(session, turns)
      left -= Math.max(served, 1)
      if (served === turns) this.wake(session)
    }
    return this.#ready.length > 0
  }

  /** INTRODUCE: connects a domain's ring page, anew if it was connected. False: no such page or port. */
  introduce(domid: number, gfn: number, port: number): boolean {
    if (!this.#platform.isDomain(domid) || port <= 0) return false
    const before = this.#domains.get(domid)
    // A client that broke the protocol stays unheard until its domain is gone.
    if (before?.ignored === true) return true
    if (before !== undefined) this.disconnect(before)
    let session: StoreSession | undefined = undefined
    const ready = (): void => {
      if (session !== undefined) this.wake(session)
    }
    const transport = this.#platform.open(domid, gfn, port, ready)
    if (transport === undefined) return false
    session = this.connect(transport, { domid, privileged: this.#platform.isPrivileged(domid) })
    this.#domains.set(domid, session)
    if (before === undefined) this.#fireSpecial('@introduceDomain')
    return true
  }

  /** RELEASE: forgets a domain's connection. False: it was not introduced. */
  release(domid: number): boolean {
    const session = this.#domains.get(domid)
    if (session === undefined) return false
    this.#domains.delete(domid)
    this.disconnect(session)
    this.#fireSpecial('@releaseDomain')
    return true
  }

  /** The domain is gone for good (VIRQ_DOM_EXC): its connection, its rights and its quotas are too. */
  domainDied(domid: number): void {
    this.tree.forgetDomain(domid)
    this.release(domid)
  }

  isIntroduced(domid: number): boolean {
    return this.#domains.has(domid)
  }

  isDomain(domid: number): boolean {
    return this.#platform.isDomain(domid)
  }

  /** Watches that a domain has set. */
  watchesOf(domid: number): number {
    return this.#domains.get(domid)?.watchCount ?? 0
  }

  /** The domain's session, while it is introduced. */
  sessionOf(domid: number): StoreSession | undefined {
    return this.#domains.get(domid)
  }

  /** Tells watchers of changes; `cause` is outstanding until they have been told. */
  tell(changes: readonly NodeChange[], cause: OpenRequest | undefined): void {
    for (const change of changes) this.watches.fire(change, cause)
  }

  specialPerms(name: string): readonly Perm[] | undefined {
    return this.#special.get(name)
  }

  /** False: there is no such event. */
  setSpecialPerms(name: string, perms: readonly Perm[]): boolean {
    if (!this.#special.has(name)) return false
    this.#special.set(name, perms)
    return true
  }

  #serve(session: StoreSession, turns: number): number {
    session.flush()
    for (let served = 0; served < turns; served++) {
      const message = session.mayRead ? session.receive() : undefined
      if (message === undefined) {
        if (session.ignored) this.watches.removeAll(session)
        return served
      }
      this.engine.charge('slot', 1)
      dispatch(this, session, message)
      session.flush()
    }
    return turns
  }

  #fireSpecial(name: string): void {
    const perms = this.#special.get(name)!
    this.watches.fire({ path: name, exact: true, node: freshNode(perms), parentPerms: perms }, undefined)
  }
}
