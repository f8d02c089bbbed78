import type { Principal } from './permissions.js'
import type { StreamLimits } from './quotas.js'
import type { Xenstored } from './server.js'
import type { StoreSession } from './session.js'
import type { StoreTransport } from './transport.js'

/** The far side of a byte stream: a connected socket, for instance. */
export interface StreamSink {
  /** Takes all the bytes. False: take no more until `drained` is called. */
  write(bytes: Uint8Array): boolean
  /** Ends the stream. */
  end(): void
  /** The bytes that were handed in are read, but for a few: more may come. Undefined: the owner does not hold back. */
  taken?(): void
}

/** Bytes that may lie unread before the owner should hold the client back. */
const MOST_UNREAD = 16_384

/**
 * A client of the store over a stream of bytes, as xenstored's unix socket is. The owner of the socket hands bytes in by
 * `receive` and takes answers through the sink; a client that breaks the protocol has its stream ended.
 */
export class StoreStream implements StoreTransport {
  readonly session: StoreSession
  readonly #server: Xenstored
  readonly #sink: StreamSink
  readonly #chunks: Uint8Array[] = []
  #taken = 0
  #unread = 0
  #blocked = false
  #ended = false

  /** `limits`: what a client may take whom the store denies nothing; without them it has what `who` has on a ring. */
  constructor(server: Xenstored, sink: StreamSink, who: Principal, limits?: StreamLimits) {
    this.#server = server
    this.#sink = sink
    this.session = server.connect(this, who, limits)
  }

  /** Bytes have come; the array is the stream's from here on. False: hold the client back until `taken` of the sink. */
  receive(bytes: Uint8Array): boolean {
    if (bytes.length > 0) this.#chunks.push(bytes)
    this.#unread += bytes.length
    this.#server.wake(this.session)
    return this.#unread < MOST_UNREAD
  }

  /** The sink takes bytes again. */
  drained(): void {
    this.#blocked = false
    this.#server.wake(this.session)
  }

  /** The client has gone. */
  closed(): void {
    this.#ended = true
    this.#server.disconnect(this.session)
  }

  read(target: Uint8Array, at: number, length: number): number {
    const first = this.#chunks[0]
    if (first === undefined) return 0
    const count = Math.min(length, first.length - this.#taken)
    target.set(first.subarray(this.#taken, this.#taken + count), at)
    this.#taken += count
    if (this.#taken === first.length) {
      this.#chunks.shift()
      this.#taken = 0
    }
    const before = this.#unread
    this.#unread -= count
    if (before >= MOST_UNREAD && this.#unread < MOST_UNREAD) this.#sink.taken?.()
    return count
  }

  write(source: Uint8Array, at: number, length: number): number {
    if (this.#blocked || this.#ended) return 0
    this.#blocked = !this.#sink.write(source.slice(at, at + length))
    return length
  }

  fail(): void {
    this.#chunks.length = 0
    this.#unread = 0
    this.#end()
  }

  close(): void {
    this.#end()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#sink.end()
  }
}
