import type { Engine } from '../engine.js'
import type { SharedView } from '../memory.js'
import { ERROR, REQUEST_RING, RESPONSE_RING, RingReader, RingWriter } from './ring-page.js'
import { XenstoreError } from './store-error.js'
import { decodeText, encodeMessage, MessageReader, PAYLOAD_MAX, STORE_ERRNOS, XS } from './wire.js'
import type { Message, StoreErrno } from './wire.js'

interface Pending {
  readonly type: number
  readonly what: string
  readonly path: string | undefined
  readonly resolve: (payload: Uint8Array) => void
  readonly reject: (error: XenstoreError) => void
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(XS).map(([name, type]) => [type, name]),
)

/**
 * The client's end of the ring page: requests out, answers and watch events in. Requests are answered in their order,
 * but answers are found by request id, as the protocol wants.
 */
export class StoreConnection {
  readonly #engine: Engine
  readonly #page: SharedView
  readonly #notify: () => void
  readonly #onEvent: (payload: Uint8Array) => void
  readonly #requests: RingWriter
  readonly #responses: RingReader
  readonly #reader = new MessageReader()
  readonly #pending = new Map<number, Pending>()
  readonly #out: Uint8Array[] = []
  #sent = 0
  #nextId = 1
  #dead: XenstoreError | undefined

  /** `notify` signals the server; call `ready` at every event from it. `onEvent` gets the payload of each watch event. */
  constructor(engine: Engine, page: SharedView, notify: () => void, onEvent: (payload: Uint8Array) => void) {
    this.#engine = engine
    this.#page = page
    this.#notify = notify
    this.#onEvent = onEvent
    this.#requests = new RingWriter(page, REQUEST_RING)
    this.#responses = new RingReader(page, RESPONSE_RING)
  }

  /** Requests without an answer yet. */
  get pending(): number {
    return this.#pending.size
  }

  /**
   * Sends one request and waits for its answer. The engine counts a promise chain in flight meanwhile. Rejects with
   * XenstoreError: what the server answered, or CLOSED or BROKEN.
   */
  request(type: number, transactionId: number, payload: Uint8Array, path?: string): Promise<Uint8Array> {
    const what = TYPE_NAMES.get(type) ?? `request ${type}`
    if (this.#dead !== undefined) return Promise.reject(this.#dead)
    if (payload.length > PAYLOAD_MAX)
      return Promise.reject(
        new XenstoreError(
          'E2BIG',
          `${what} ${path ?? ''}: ${payload.length} bytes do not fit a message of ${PAYLOAD_MAX}`,
          path,
        ),
      )
    const id = this.#nextId
    this.#nextId = (id + 1) >>> 0
    const answer = new Promise<Uint8Array>((resolve, reject) => {
      this.#pending.set(id, { type, what, path, resolve, reject })
    })
    this.#engine.asyncBegin()
    this.#out.push(encodeMessage(type, id, transactionId, payload))
    this.#send()
    return answer.finally(() => this.#engine.asyncEnd())
  }

  /** The server signalled: takes what it sent, and sends what waited for room. */
  ready(): void {
    if (this.#dead !== undefined) return
    let taken = 0
    let full = false
    const source = (target: Uint8Array, at: number, length: number): number => {
      const count = this.#responses.read(target, at, length)
      if (count > 0) taken += count
      full ||= this.#responses.wasFull
      return count
    }
    for (let next = this.#reader.next(source); ; next = this.#reader.next(source)) {
      if (next === 'oversize' || next === 'broken') return this.#break('sent bytes that are no message')
      if (next === 'wait') break
      this.#receive(next)
    }
    this.#engine.charge('byteCopied', taken)
    // A full ring may have stopped the server in the middle of a message.
    if (full) this.#notify()
    if (Atomics.load(this.#page.words, (this.#page.offset + ERROR) >> 2) !== 0)
      return this.#break('does not listen to this domain any more: it broke the protocol')
    this.#send()
  }

  /** Ends every request that waits with CLOSED, and refuses new ones. */
  close(): void {
    this.#end(new XenstoreError('CLOSED', 'the connection to the store is closed: its domain is gone'))
  }

  #send(): void {
    let written = 0
    for (let first = this.#out[0]; first !== undefined; first = this.#out[0]) {
      const count = this.#requests.write(first, this.#sent, first.length - this.#sent)
      if (count < 0) return this.#break('moved its consumer index beyond the ring')
      this.#sent += count
      written += count
      if (this.#sent < first.length) break
      this.#out.shift()
      this.#sent = 0
    }
    if (written === 0) return
    this.#engine.charge('byteCopied', written)
    this.#notify()
  }

  #receive(message: Message): void {
    if (message.type === XS.WATCH_EVENT) return this.#onEvent(message.payload)
    const pending = this.#pending.get(message.requestId)
    if (pending === undefined)
      return this.#break(`answered request ${message.requestId}, which was not asked`)
    this.#pending.delete(message.requestId)
    if (message.type === pending.type) return pending.resolve(message.payload)
    const code = message.type === XS.ERROR ? errnoOf(message.payload) : 'EIO'
    const where = pending.path === undefined ? '' : ` of ${pending.path}`
    pending.reject(new XenstoreError(code, `${pending.what}${where} failed with ${code}`, pending.path))
  }

  #break(what: string): void {
    this.#end(new XenstoreError('BROKEN', `xenstored ${what}`))
  }

  #end(error: XenstoreError): void {
    if (this.#dead !== undefined) return
    this.#dead = error
    this.#out.length = 0
    const waiting = [...this.#pending.values()]
    this.#pending.clear()
    for (const pending of waiting) pending.reject(error)
  }
}

/** The name in an ERROR payload; a name that is not known means EINVAL. */
function errnoOf(payload: Uint8Array): StoreErrno {
  const name = decodeText(payload).replace(/\0.*$/s, '')
  return STORE_ERRNOS.find((each) => each === name) ?? 'EINVAL'
}
