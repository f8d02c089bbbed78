// The xenstore wire protocol: Xen public/io/xs_wire.h, docs/misc/xenstore.txt. All integers little-endian.

/** Message types. The gap (20, RESTRICT) is gone from the protocol. */
export const XS = {
  CONTROL: 0,
  DIRECTORY: 1,
  READ: 2,
  GET_PERMS: 3,
  WATCH: 4,
  UNWATCH: 5,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  INTRODUCE: 8,
  RELEASE: 9,
  GET_DOMAIN_PATH: 10,
  WRITE: 11,
  MKDIR: 12,
  RM: 13,
  SET_PERMS: 14,
  WATCH_EVENT: 15,
  ERROR: 16,
  IS_DOMAIN_INTRODUCED: 17,
  RESUME: 18,
  SET_TARGET: 19,
  RESET_WATCHES: 21,
  DIRECTORY_PART: 22,
} as const

/** type u32@0, req_id u32@4, tx_id u32@8, len u32@12. */
export const HEADER_BYTES = 16
/** Longest payload, both ways. */
export const PAYLOAD_MAX = 4096

/** The errors a server answers with, by name (xsd_errors); a name that a client does not know means EINVAL. */
export const STORE_ERRNOS = [
  'EINVAL',
  'EACCES',
  'EEXIST',
  'EISDIR',
  'ENOENT',
  'ENOMEM',
  'ENOSPC',
  'EIO',
  'ENOTEMPTY',
  'ENOSYS',
  'EROFS',
  'EBUSY',
  'EAGAIN',
  'EISCONN',
  'E2BIG',
  'EPERM',
] as const
export type StoreErrno = (typeof STORE_ERRNOS)[number]

/** One message. `payload` is the message's own copy. */
export interface Message {
  readonly type: number
  readonly requestId: number
  readonly transactionId: number
  readonly payload: Uint8Array
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const encodeText = (text: string): Uint8Array => encoder.encode(text)
// A shared buffer is refused by TextDecoder; payloads never lie in one.
export const decodeText = (bytes: Uint8Array): string => decoder.decode(bytes)

/** Strings, each with its terminating NUL. */
export function encodeStrings(...strings: readonly string[]): Uint8Array {
  return encodeText(strings.map((each) => `${each}\0`).join(''))
}

/** Header and payload in one array. The payload must not be longer than PAYLOAD_MAX. */
export function encodeMessage(
  type: number,
  requestId: number,
  transactionId: number,
  payload: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, requestId, true)
  view.setUint32(8, transactionId, true)
  view.setUint32(12, payload.length, true)
  bytes.set(payload, HEADER_BYTES)
  return bytes
}

/**
 * The NUL-terminated strings of a payload, at most `limit` of them, and where the rest begins. `rest` is -1 when the
 * payload ends in a string without NUL before `limit` were found.
 */
export function splitStrings(payload: Uint8Array, limit: number): { strings: string[]; rest: number } {
  const strings: string[] = []
  let at = 0
  while (strings.length < limit && at < payload.length) {
    const end = payload.indexOf(0, at)
    if (end < 0) return { strings, rest: -1 }
    strings.push(decodeText(payload.subarray(at, end)))
    at = end + 1
  }
  return { strings, rest: at }
}

/** The payload as exactly `count` NUL-terminated strings, or undefined. */
export function exactStrings(payload: Uint8Array, count: number): string[] | undefined {
  const { strings, rest } = splitStrings(payload, count)
  return strings.length === count && rest === payload.length ? strings : undefined
}

/** Copies up to `length` received bytes to `target` at `at`; 0 when there are none, -1 when the pipe is broken. */
export type ByteSource = (target: Uint8Array, at: number, length: number) => number

/** Puts messages together from bytes that may arrive in pieces of any size. */
export class MessageReader {
  readonly #header = new Uint8Array(HEADER_BYTES)
  readonly #view = new DataView(this.#header.buffer)
  #got = 0
  #payload: Uint8Array | undefined

  /** True in the middle of a message. */
  get partial(): boolean {
    return this.#got > 0
  }

  /**
   * The next whole message; 'wait' when the source has no more bytes now; 'oversize' when the peer announced more than
   * PAYLOAD_MAX, after which the connection is lost; 'broken' when the source is.
   */
  next(source: ByteSource): Message | 'wait' | 'oversize' | 'broken' {
    while (this.#got < HEADER_BYTES) {
      const count = source(this.#header, this.#got, HEADER_BYTES - this.#got)
      if (count <= 0) return count === 0 ? 'wait' : 'broken'
      this.#got += count
    }
    const length = this.#view.getUint32(12, true)
    if (length > PAYLOAD_MAX) return 'oversize'
    const payload = (this.#payload ??= new Uint8Array(length))
    while (this.#got < HEADER_BYTES + length) {
      const count = source(payload, this.#got - HEADER_BYTES, HEADER_BYTES + length - this.#got)
      if (count <= 0) return count === 0 ? 'wait' : 'broken'
      this.#got += count
    }
    this.#got = 0
    this.#payload = undefined
    const view = this.#view
    return {
      type: view.getUint32(0, true),
      requestId: view.getUint32(4, true),
      transactionId: view.getUint32(8, true),
      payload,
    }
  }
}
