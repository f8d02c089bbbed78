import type { StoreErrno } from './wire.js'

/** The server's errno names, and what goes wrong on the client's side. */
export type XenstoreErrorCode =
  | StoreErrno
  /** The client was closed: its domain is gone. */
  | 'CLOSED'
  /** The server does not listen any more, or sent what no server sends. */
  | 'BROKEN'

/** A request to the store that failed. `ENOENT` of a read is not an error; see the client. */
export class XenstoreError extends Error {
  override readonly name = 'XenstoreError'
  readonly code: XenstoreErrorCode
  /** The node that the request named, if it named one. */
  readonly path: string | undefined

  constructor(code: XenstoreErrorCode, sentence: string, path?: string) {
    super(sentence)
    this.code = code
    this.path = path
  }
}
