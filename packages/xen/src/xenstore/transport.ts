import type { SharedView } from '../memory.js'
import {
  CONNECTION,
  ERROR,
  ERROR_COMM,
  ERROR_INDEX,
  ERROR_PROTOCOL,
  REQ_CONS,
  REQ_PROD,
  REQUEST_RING,
  RESPONSE_RING,
  RingReader,
  RingWriter,
  RSP_CONS,
  RSP_PROD,
} from './ring-page.js'

/** Why the server gives a client up. */
export type StoreFault = 'comm' | 'index' | 'protocol'

/** The bytes between the server and one client: a ring page, a socket. Nothing in it may throw. */
export interface StoreTransport {
  /** Received bytes, at most `length`, to `target` at `at`; 0 when there are none, -1 when the client broke the pipe. */
  read(target: Uint8Array, at: number, length: number): number
  /** Takes as many bytes as there is room for; -1 when the client broke the pipe. */
  write(source: Uint8Array, at: number, length: number): number
  /** Tells the client that it is not listened to any more. */
  fail(fault: StoreFault): void
  /** Gives back what the transport holds. Called once. */
  close(): void
}

const ERRORS: Readonly<Record<StoreFault, number>> = {
  comm: ERROR_COMM,
  index: ERROR_INDEX,
  protocol: ERROR_PROTOCOL,
}

/**
 * The server's end of a domain's ring page. It signals after every read and after every write, as the C daemon does: a
 * client may wait for room as well as for bytes.
 */
export class RingTransport implements StoreTransport {
  readonly #page: SharedView
  readonly #notify: () => void
  readonly #release: () => void
  readonly #reader: RingReader
  readonly #writer: RingWriter

  /**
   * Resets the indices of the page and ends a reconnect that the client may wait for (INTRODUCE). The error field stays
   * as it is. `release` unmaps the page and closes the port.
   */
  constructor(page: SharedView, notify: () => void, release: () => void) {
    this.#page = page
    this.#notify = notify
    this.#release = release
    for (const field of [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD, CONNECTION]) this.#store(field, 0)
    this.#reader = new RingReader(page, REQUEST_RING)
    this.#writer = new RingWriter(page, RESPONSE_RING)
    notify()
  }

  read(target: Uint8Array, at: number, length: number): number {
    const count = this.#reader.read(target, at, length)
    if (count > 0) this.#notify()
    return count
  }

  write(source: Uint8Array, at: number, length: number): number {
    const count = this.#writer.write(source, at, length)
    if (count > 0) this.#notify()
    return count
  }

  fail(fault: StoreFault): void {
    this.#store(ERROR, ERRORS[fault])
    this.#notify()
  }

  close(): void {
    this.#release()
  }

  #store(field: number, value: number): void {
    Atomics.store(this.#page.words, (this.#page.offset + field) >> 2, value)
  }
}
