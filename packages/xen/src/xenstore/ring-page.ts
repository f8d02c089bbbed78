// The page between a domain and xenstored: struct xenstore_domain_interface, Xen public/io/xs_wire.h.
import type { SharedView } from '../memory.js'
import type { ByteSource } from './wire.js'

/** Bytes of each of the two rings. */
export const RING_BYTES = 1024

export const REQUESTS = 0
export const RESPONSES = 1024
export const REQ_CONS = 2048
export const REQ_PROD = 2052
export const RSP_CONS = 2056
export const RSP_PROD = 2060
// At 2064 stand the server's features, which this server, as the C daemon, leaves as it finds them.
/** u32: 0 connected, 1 reconnect wanted. */
export const CONNECTION = 2068
/** u32: why the server no longer listens; 0 while it does. */
export const ERROR = 2072

export const ERROR_COMM = 1
/** Producer and consumer are more than a ring apart. */
export const ERROR_INDEX = 2
/** A message longer than the protocol allows. */
export const ERROR_PROTOCOL = 3

/** One direction of the page: where its bytes and its two free-running indices are. */
export interface RingPlace {
  readonly bytes: number
  readonly cons: number
  readonly prod: number
}
export const REQUEST_RING: RingPlace = { bytes: REQUESTS, cons: REQ_CONS, prod: REQ_PROD }
export const RESPONSE_RING: RingPlace = { bytes: RESPONSES, cons: RSP_CONS, prod: RSP_PROD }

/** The consumer of one direction. Its own index is private: what the peer writes over it changes nothing. */
export class RingReader {
  readonly #page: SharedView
  readonly #place: RingPlace
  #cons: number
  /** True when the ring was full before the last read: the peer may be waiting for room. */
  wasFull = false

  constructor(page: SharedView, place: RingPlace) {
    this.#page = page
    this.#place = place
    this.#cons = Atomics.load(page.words, (page.offset + place.cons) >> 2) >>> 0
  }

  /** At most `length` bytes to `target` at `at`; how many there were, -1 when the producer's index is impossible. */
  readonly read: ByteSource = (target, at, length) => {
    const { words, bytes, offset } = this.#page
    const prod = Atomics.load(words, (offset + this.#place.prod) >> 2) >>> 0
    const available = (prod - this.#cons) >>> 0
    if (available > RING_BYTES) return -1
    this.wasFull = available === RING_BYTES
    const count = Math.min(available, length)
    const from = offset + this.#place.bytes
    for (let index = 0; index < count; index++)
      target[at + index] = bytes[from + ((this.#cons + index) & (RING_BYTES - 1))]!
    this.#cons = (this.#cons + count) >>> 0
    if (count > 0) Atomics.store(words, (offset + this.#place.cons) >> 2, this.#cons)
    return count
  }
}

/** The producer of one direction. */
export class RingWriter {
  readonly #page: SharedView
  readonly #place: RingPlace
  #prod: number

  constructor(page: SharedView, place: RingPlace) {
    this.#page = page
    this.#place = place
    this.#prod = Atomics.load(page.words, (page.offset + place.prod) >> 2) >>> 0
  }

  /** As many of `length` bytes as there is room for; how many, -1 when the consumer's index is impossible. */
  write(source: Uint8Array, at: number, length: number): number {
    const { words, bytes, offset } = this.#page
    const cons = Atomics.load(words, (offset + this.#place.cons) >> 2) >>> 0
    const used = (this.#prod - cons) >>> 0
    if (used > RING_BYTES) return -1
    const count = Math.min(RING_BYTES - used, length)
    const to = offset + this.#place.bytes
    for (let index = 0; index < count; index++)
      bytes[to + ((this.#prod + index) & (RING_BYTES - 1))] = source[at + index]!
    this.#prod = (this.#prod + count) >>> 0
    if (count > 0) Atomics.store(words, (offset + this.#place.prod) >> 2, this.#prod)
    return count
  }
}
