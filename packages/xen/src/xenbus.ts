import { Coalesced, surface } from './coalesced.js'
import type { Engine } from './engine.js'
import { XenError } from './errors.js'
import { parseXenbusState, XenbusState } from './xenbus-state.js'
import type { XenbusStateNumber } from './xenbus-state.js'
import type { StoreWatch, Transaction, XenstoreClient } from './xenstore/client.js'
import { XenstoreError } from './xenstore/store-error.js'

/** Which half of a device pair. */
export type XenbusSide = 'frontend' | 'backend'

/** What a device needs of its domain. */
export interface XenbusHost {
  readonly id: number
  readonly store: XenstoreClient
  readonly engine: Engine
}

/** Is told each state of the other end that was not told before. May be asynchronous; calls never overlap. */
export type OtherendHandler = (state: XenbusStateNumber) => void | Promise<void>

/**
 * One half of a split device: Linux drivers/xen/xenbus.
 *
 * Its own directory (`nodename`) is `device/<type>/<n>` or `backend/<type>/<domid>/<n>` below the domain's directory;
 * it names the other half's directory in `backend` and `backend-id`, or `frontend` and `frontend-id`.
 */
export class XenbusDevice {
  readonly domain: XenbusHost
  readonly side: XenbusSide
  readonly nodename: string
  /** The other half's directory, absolute. */
  readonly otherend: string
  /** The other half's domain. */
  readonly otherendId: number
  /** Set when `fatal` was called. */
  failure: string | undefined
  #state: XenbusStateNumber
  #otherendState: XenbusStateNumber = XenbusState.Unknown
  #told: XenbusStateNumber | undefined
  #handler: OtherendHandler | undefined
  #watch: StoreWatch | undefined
  readonly #look: Coalesced
  #closed = false
  #switching = 0
  /** The store has shown a state of ours after Initialising. */
  #begun = false

  private constructor(domain: XenbusHost, side: XenbusSide, nodename: string, details: Details) {
    this.domain = domain
    this.side = side
    this.nodename = nodename
    this.otherend = details.otherend
    this.otherendId = details.otherendId
    this.#state = details.state
    this.#look = new Coalesced(
      domain.engine,
      () => this.#lookAtOtherend(),
      (error) => this.#lookFailed(error),
    )
  }

  /**
   * Reads the device's directory. Undefined when it does not (or not yet) name another half and a state: it is being
   * made, or removed.
   */
  static async open(
    domain: XenbusHost,
    side: XenbusSide,
    nodename: string,
  ): Promise<XenbusDevice | undefined> {
    const { store } = domain
    const peer = side === 'frontend' ? 'backend' : 'frontend'
    const otherend = await store.read(`${nodename}/${peer}`)
    const id = await store.read(`${nodename}/${peer}-id`)
    const state = parseXenbusState(await store.read(`${nodename}/state`))
    if (otherend === undefined || id === undefined || !/^\d{1,5}$/.test(id) || state === XenbusState.Unknown)
      return undefined
    return new XenbusDevice(domain, side, nodename, { otherend, otherendId: Number(id), state })
  }

  /** The state that this half last switched to. */
  get state(): XenbusStateNumber {
    return this.#state
  }

  /** What the other half was last seen in; Unknown when its node is gone. */
  get otherendState(): XenbusStateNumber {
    return this.#otherendState
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Begins to watch the other half. The handler is called once soon, with its state as it is. */
  async onOtherendChanged(handler: OtherendHandler): Promise<void> {
    if (this.#handler !== undefined)
      throw new XenError('BAD_STATE', `${this.nodename} has a handler for its other end already`)
    this.#handler = handler
    this.#watch = await this.domain.store.watch(`${this.otherend}/state`, () => this.#look.request())
    if (this.#closed) await this.#watch.unwatch()
  }

  /**
   * Writes the state, in the transaction given or in one of its own. Nothing is written when it is unchanged, and a
   * node that was removed is not made again. False: the node is gone.
   */
  async switchState(state: XenbusStateNumber, transaction?: Transaction): Promise<boolean> {
    const key = `${this.nodename}/state`
    const change = async (inside: Transaction): Promise<boolean> => {
      const current = await inside.read(key)
      if (current === undefined) return false
      if (current !== String(state)) await inside.write(key, String(state))
      return true
    }
    // Noted before it is written, so that whoever sees it in the store can tell that it was us.
    this.#state = state
    if (state === XenbusState.Initialising) this.#begun = false
    if (transaction !== undefined) return change(transaction)
    this.#switching++
    try {
      const there = await this.domain.store.transaction(change)
      if (there) this.#begun = this.#state !== XenbusState.Initialising
      return there
    } finally {
      this.#switching--
    }
  }

  /**
   * True when the store, which shows `stored` for this half, must have been made anew behind our back: it is at the
   * beginning, and we have left the beginning behind. A state that was written in a transaction which is still open, or
   * that is being written, is not in the store yet, so what the store has shown once counts, not what we asked for.
   */
  isMadeAnew(stored: XenbusStateNumber): boolean {
    if (this.#switching > 0 || this.#state === XenbusState.Initialising) return false
    if (stored === XenbusState.Initialising) return this.#begun
    this.#begun = true
    return false
  }

  /** A key of the own directory. */
  read(key: string): Promise<string | undefined> {
    return this.domain.store.read(`${this.nodename}/${key}`)
  }

  /** A key of the other half's directory; undefined also when it may not be read. */
  async readOtherend(key: string): Promise<string | undefined> {
    try {
      return await this.domain.store.read(`${this.otherend}/${key}`)
    } catch (error) {
      if (error instanceof XenstoreError && error.code === 'EACCES') return undefined
      throw error
    }
  }

  /**
   * The device cannot go on: writes "<errno> <text>" to `error/<nodename>/error` of the domain's directory and turns to
   * Closing (xenbus_dev_fatal). What the store refuses is not reported: there is nowhere left to say it.
   */
  async fatal(errno: number, text: string): Promise<void> {
    this.failure = `${errno} ${text}`
    try {
      await this.domain.store.write(`error/${this.nodename}/error`, this.failure)
      await this.switchState(XenbusState.Closing)
    } catch (error) {
      if (!(error instanceof XenstoreError)) throw error
    }
  }

  /** Ends the watch. The handler is not called again; a call that is under way goes on. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    try {
      await this.#watch?.unwatch()
    } catch (error) {
      if (!(error instanceof XenstoreError)) throw error
    }
  }

  async #lookAtOtherend(): Promise<void> {
    if (this.#closed) return
    const state = parseXenbusState(await this.readOtherend('state'))
    if (this.#closed || state === this.#told) return
    this.#otherendState = state
    this.#told = state
    await this.#handler?.(state)
  }

  #lookFailed(error: unknown): void {
    // The store goes when the domain goes; anything else is the end of the device.
    if (error instanceof XenstoreError && (error.code === 'CLOSED' || error.code === 'BROKEN')) return
    const EIO = 5
    this.domain.engine.asyncBegin()
    void this.fatal(EIO, error instanceof Error ? error.message : String(error)).finally(() =>
      this.domain.engine.asyncEnd(),
    )
    surface(this.domain.engine, error)
  }
}

interface Details {
  readonly otherend: string
  readonly otherendId: number
  readonly state: XenbusStateNumber
}
