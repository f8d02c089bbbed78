import type { Engine } from '../engine.js'
import { XenError } from '../errors.js'
import type { SharedView } from '../memory.js'
import { StoreConnection } from './connection.js'
import { domainPath } from './paths.js'
import { XenstoreError } from './store-error.js'
import { answeredString, StoreOperations } from './store-operations.js'
import type { StoreEntries } from './store-operations.js'
import { decodeText, encodeStrings, XS } from './wire.js'

/** How often a transaction is tried while others change what it read. */
export const TRANSACTION_TRIES = 64

/** A watch that is set. */
export interface StoreWatch {
  readonly path: string
  readonly token: string
  /** From the call on the callback does not run any more; resolves when the server has forgotten the watch too. */
  unwatch(): Promise<void>
}

/** The nodes inside one transaction. Of no use once `work` has returned. */
export class Transaction extends StoreOperations {
  readonly #id: number
  #open = true

  constructor(connection: StoreConnection, id: number) {
    super(connection, () => this.#current())
    this.#id = id
  }

  async writeAll(entries: StoreEntries): Promise<void> {
    for (const [path, value] of pairs(entries)) await this.write(path, value)
  }

  /** Ends it: 'T' commits, 'F' gives it up. */
  async end(how: 'T' | 'F'): Promise<void> {
    const id = this.#current()
    this.#open = false
    await this.connection.request(XS.TRANSACTION_END, id, encodeStrings(how))
  }

  #current(): number {
    if (!this.#open)
      throw new XenError('BAD_STATE', 'a transaction was used after it had ended: await all of its work')
    return this.#id
  }
}

interface Watcher {
  readonly path: string
  readonly token: string
  readonly changed: (path: string, token: string) => void
}

/**
 * A domain's client of the store, over its ring page and event channel. Callbacks of watches run on the domain's
 * engine, one at a time, in the order in which the events came.
 */
export class XenstoreClient extends StoreOperations {
  readonly domid: number
  /** The domain's own directory. */
  readonly path: string
  readonly #engine: Engine
  readonly #watchers = new Map<string, Watcher>()
  readonly #events: { path: string; token: string }[] = []
  #nextToken = 1

  /** `notify` signals the server through the store's event channel; call `ready` at every event from it. */
  constructor(domid: number, engine: Engine, page: SharedView, notify: () => void) {
    super(new StoreConnection(engine, page, notify, (payload) => this.#received(payload)), () => 0)
    this.domid = domid
    this.path = domainPath(domid)
    this.#engine = engine
  }

  /** Watches that are set or being set. */
  get watches(): number {
    return this.#watchers.size
  }

  /** The server signalled. */
  ready(): void {
    this.connection.ready()
  }

  /** The domain goes: everything that waits is rejected with CLOSED and no callback runs any more. */
  close(): void {
    this.#watchers.clear()
    this.#events.length = 0
    this.connection.close()
  }

  /** Writes all or nothing: in the transaction given, or in one of its own. */
  async writeAll(entries: StoreEntries, transaction?: Transaction): Promise<void> {
    if (transaction !== undefined) return transaction.writeAll(entries)
    const list = [...pairs(entries)]
    return this.transaction((own) => own.writeAll(list))
  }

  /**
   * Watches a node and all below it. `changed` runs once soon, and then at every change with the path that changed
   * (relative if `path` is); changes may be merged. It runs only after this promise has been settled.
   */
  async watch(path: string, changed: (path: string, token: string) => void): Promise<StoreWatch> {
    const token = `w${this.#nextToken++}`
    this.#watchers.set(token, { path, token, changed })
    try {
      await this.connection.request(XS.WATCH, 0, encodeStrings(path, token), path)
    } catch (error) {
      this.#watchers.delete(token)
      throw error
    }
    return { path, token, unwatch: () => this.#unwatch(path, token) }
  }

  /**
   * Runs `work` in a transaction and commits it. When another client changed what it read, all of it runs again, so it
   * must have no other effects; after TRANSACTION_TRIES times it rejects with EAGAIN. When `work` throws, the
   * transaction is given up and the error passed on.
   */
  async transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const id = Number(
        answeredString(await this.connection.request(XS.TRANSACTION_START, 0, encodeStrings(''))),
      )
      const transaction = new Transaction(this.connection, id)
      try {
        return await runAndEnd(transaction, work)
      } catch (error) {
        if (!(error instanceof XenstoreError) || error.code !== 'EAGAIN') throw error
        if (attempt >= TRANSACTION_TRIES)
          throw new XenstoreError(
            'EAGAIN',
            `a transaction of domain ${this.domid} met changes by others ${attempt} times in a row: read less in it`,
          )
      }
    }
  }

  /** INTRODUCE: only domain 0 may. */
  async introduce(domid: number, gfn: number, port: number): Promise<void> {
    await this.connection.request(XS.INTRODUCE, 0, encodeStrings(String(domid), String(gfn), String(port)))
  }

  /** RELEASE: only domain 0 may. */
  async release(domid: number): Promise<void> {
    await this.connection.request(XS.RELEASE, 0, encodeStrings(String(domid)))
  }

  async getDomainPath(domid: number): Promise<string> {
    return answeredString(await this.connection.request(XS.GET_DOMAIN_PATH, 0, encodeStrings(String(domid))))
  }

  /** IS_DOMAIN_INTRODUCED: only domain 0 may ask. */
  async isDomainIntroduced(domid: number): Promise<boolean> {
    const answer = await this.connection.request(XS.IS_DOMAIN_INTRODUCED, 0, encodeStrings(String(domid)))
    return answeredString(answer) === 'T'
  }

  async #unwatch(path: string, token: string): Promise<void> {
    if (!this.#watchers.delete(token)) return
    await this.connection.request(XS.UNWATCH, 0, encodeStrings(path, token), path)
  }

  /**
   * Callbacks run in a later step than the one that took the bytes, so that whoever awaits an answer that came before
   * the event goes on first.
   */
  #received(payload: Uint8Array): void {
    const [path = '', token = ''] = decodeText(payload).split('\0')
    this.#events.push({ path, token })
    if (this.#events.length === 1) this.#engine.defer(() => this.#engine.defer(() => this.#deliver()))
  }

  #deliver(): void {
    const events = this.#events.splice(0)
    for (const { path, token } of events) this.#watchers.get(token)?.changed(path, token)
  }
}

function pairs(entries: StoreEntries): Iterable<readonly [string, string]> {
  return Symbol.iterator in entries
    ? (entries as Iterable<readonly [string, string]>)
    : Object.entries(entries)
}

async function runAndEnd<Result>(
  transaction: Transaction,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  let result: Result
  try {
    result = await work(transaction)
  } catch (error) {
    await transaction.end('F')
    throw error
  }
  await transaction.end('T')
  return result
}
