import type { Principal } from './permissions.js'
import type { Xenstored } from './server.js'
import type { StoreSession } from './session.js'
import type { StoreTransport } from './transport.js'

/** The far side of a byte stream: a connected socket, for instance. */
export interface StreamSink {
  /** Takes all the bytes. False: take no more until `drained` is called. */
  write(bytes: Uint8Array): boolean
  /** Ends the stream. */
  end(): void
}

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
  #blocked = false
  #ended = false

  constructor(server: Xenstored, sink: StreamSink, who: Principal) {
    this.#server = server
    this.#sink = sink
    this.session = server.connect(this, who)
  }

  /** Bytes have come; the array is the stream's from here on. */
  receive(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#chunks.push(bytes)
    this.#server.wake(this.session)
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
    return count
  }

  write(source: Uint8Array, at: number, length: number): number {
    if (this.#blocked || this.#ended) return 0
    this.#blocked = !this.#sink.write(source.slice(at, at + length))
    return length
  }

  fail(): void {
    this.#chunks.length = 0
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
