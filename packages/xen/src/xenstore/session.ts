import type { Engine, Timer } from '../engine.js'
import type { Principal } from './permissions.js'
import type { StoreQuotas, StreamLimits } from './quotas.js'
import type { StoreTransaction } from './transactions.js'
import type { StoreFault, StoreTransport } from './transport.js'
import { encodeMessage, encodeStrings, MessageReader, PAYLOAD_MAX, XS } from './wire.js'
import type { Message } from './wire.js'

/** A request that is outstanding for its sender until its answer and every event it caused are delivered or dropped. */
export interface OpenRequest {
  readonly sender: StoreSession
  parts: number
}

interface Queued {
  readonly bytes: Uint8Array
  sent: number
  readonly request: OpenRequest | undefined
  /** Of a watch event: what makes it the same as another. */
  readonly event: string | undefined
  /** Of a watch event to a guest: when it is dropped if the guest has not begun to take it. */
  readonly deadline: number
}

/** What sessions need of the server. */
export interface SessionHost {
  readonly engine: Engine
  readonly quotas: StoreQuotas
  /** The session has bytes to send or may read again. */
  wake(session: StoreSession): void
}

/** One client of the server: its bytes, its queue of answers and events, its transactions, its limits. */
export class StoreSession implements Principal {
  readonly domid: number
  readonly privileged: boolean
  readonly transactions = new Map<number, StoreTransaction>()
  /** Numbers of transactions, from 1. */
  transactionCount = 0
  watchCount = 0
  /** Waiting for its turn with the server. */
  ready = false
  /** It speaks over a socket. Whoever watches there throttles nobody: one that does not read is cut off. */
  readonly overStream: boolean
  /** What it may take; null: as much as it likes. */
  readonly limits: StreamLimits | null
  readonly #host: SessionHost
  readonly #transport: StoreTransport
  readonly #reader = new MessageReader()
  readonly #source = (target: Uint8Array, at: number, length: number): number => {
    const count = this.#transport.read(target, at, length)
    if (count > 0) this.#host.engine.charge('byteCopied', count)
    return count
  }
  #queue: Queued[] = []
  readonly #queuedEvents = new Set<string>()
  #queuedBytes = 0
  #outstanding = 0
  #timer: Timer | undefined
  #ignored = false

  /** `stream`: the limits of a client over a socket; undefined: it has a ring, and its domain's quotas. */
  constructor(host: SessionHost, transport: StoreTransport, who: Principal, stream?: StreamLimits) {
    this.overStream = stream !== undefined
    this.limits = stream ?? (who.privileged ? null : host.quotas)
    this.#host = host
    this.#transport = transport
    this.domid = who.domid
    this.privileged = who.privileged
  }

  /** The client broke the protocol: nothing of it is read any more, for as long as it lives (XSA-325). */
  get ignored(): boolean {
    return this.#ignored
  }

  /** Answers and events that are not delivered yet. */
  get queued(): number {
    return this.#queue.length
  }

  get outstanding(): number {
    return this.#outstanding
  }

  /** False while a client has too much under way or on hold: its requests wait in its own ring or socket. */
  get mayRead(): boolean {
    if (this.#ignored) return false
    if (this.limits === null) return true
    const { outstanding, memory } = this.limits
    return this.#outstanding < outstanding && this.#queuedBytes < memory
  }

  /** The next request, or undefined when there is none now. */
  receive(): Message | undefined {
    if (this.#ignored) return undefined
    const next = this.#reader.next(this.#source)
    if (typeof next === 'object') return next
    if (next === 'oversize') this.giveUp('protocol')
    if (next === 'broken') this.giveUp('index')
    return undefined
  }

  openRequest(): OpenRequest {
    this.#outstanding++
    return { sender: this, parts: 1 }
  }

  /** Queues the answer to a request. */
  answer(message: Message, type: number, payload: Uint8Array, request: OpenRequest): void {
    const bytes = encodeMessage(type, message.requestId, message.transactionId, payload)
    this.#push({ bytes, sent: 0, request, event: undefined, deadline: Infinity })
  }

  /**
   * Queues a watch event, unless the same one waits already. `cause` stays outstanding for its sender until this event
   * is delivered, so a watcher that does not read throttles the writer instead of filling memory (XSA-326). A watcher over a
   * socket throttles nobody: when what waits for it is more than it may take, it is not listened to any more.
   */
  event(path: string, token: string, cause: OpenRequest | undefined): void {
    if (this.#ignored) return
    const payload = encodeStrings(path, token)
    // A path and a token that fit apart may not fit together; such an event cannot be told (XSA-324).
    if (payload.length > PAYLOAD_MAX) return
    const key = path.startsWith('@') ? undefined : `${path}\0${token}`
    if (key !== undefined && this.#queuedEvents.has(key)) return
    if (this.overStream && this.#queuedBytes + payload.length > this.#memory) return this.giveUp('comm')
    if (key !== undefined) this.#queuedEvents.add(key)
    const request = this.overStream ? undefined : cause
    if (request !== undefined) request.parts++
    const patience = this.limits === null || this.overStream ? Infinity : this.#host.quotas.eventTimeout
    const bytes = encodeMessage(XS.WATCH_EVENT, 0, 0, payload)
    const deadline = this.#host.engine.now() + patience
    this.#push({ bytes, sent: 0, request, event: key ?? path, deadline })
    this.#host.wake(this)
  }

  get #memory(): number {
    return this.limits?.memory ?? Infinity
  }

  /** Sends as much as the client has room for. */
  flush(): void {
    if (this.#ignored) return
    let done = 0
    for (const each of this.#queue) {
      const count = this.#transport.write(each.bytes, each.sent, each.bytes.length - each.sent)
      if (count < 0) return this.giveUp('index')
      if (count === 0) break
      this.#host.engine.charge('byteCopied', count)
      if (each.sent === 0 && each.event !== undefined) this.#queuedEvents.delete(each.event)
      each.sent += count
      if (each.sent < each.bytes.length) break
      this.#finish(each)
      done++
    }
    if (done > 0) this.#queue = this.#queue.slice(done)
    this.#armTimer()
  }

  /** Stops listening, and forgets what was to be sent. */
  giveUp(fault: StoreFault): void {
    if (this.#ignored) return
    this.#transport.fail(fault)
    this.#forget()
  }

  /** The client is gone, or replaced. */
  close(): void {
    this.#forget()
    this.#transport.close()
  }

  #forget(): void {
    this.#ignored = true
    this.#timer?.cancel()
    this.transactions.clear()
    this.#queuedEvents.clear()
    const queue = this.#queue
    this.#queue = []
    for (const each of queue) this.#finish(each)
  }

  #push(queued: Queued): void {
    this.#queuedBytes += queued.bytes.length
    this.#queue.push(queued)
  }

  #finish(queued: Queued): void {
    this.#queuedBytes -= queued.bytes.length
    const { request } = queued
    if (request === undefined || --request.parts > 0) return
    request.sender.#requestDone()
  }

  #requestDone(): void {
    this.#outstanding--
    if (this.limits !== null && this.#outstanding === this.limits.outstanding - 1) this.#host.wake(this)
  }

  /** One timer for the oldest event that waits. */
  #armTimer(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    let earliest = Infinity
    for (const each of this.#queue) if (each.sent === 0) earliest = Math.min(earliest, each.deadline)
    if (earliest === Infinity) return
    const { engine } = this.#host
    this.#timer = engine.after(Math.max(0, earliest - engine.now()), () => this.#dropExpired())
  }

  #dropExpired(): void {
    const now = this.#host.engine.now()
    const expired = (each: Queued): boolean => each.sent === 0 && each.deadline <= now
    for (const each of this.#queue) {
      if (!expired(each)) continue
      this.#queuedEvents.delete(each.event ?? '')
      this.#finish(each)
    }
    this.#queue = this.#queue.filter((each) => !expired(each))
    this.#armTimer()
  }
}
