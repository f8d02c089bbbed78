export type NetfrontErrorCode = 'BAD_ARGUMENT' | 'BAD_BACKEND' | 'BAD_STATE' | 'CLOSED' | 'REFUSED'

/** The one error class of `@netaccel/netfront`, for its control path; what a backend writes into a ring never leads here. */
export class NetfrontError extends Error {
  readonly code: NetfrontErrorCode

  constructor(code: NetfrontErrorCode, message: string) {
    super(message)
    this.name = 'NetfrontError'
    this.code = code
  }
}
