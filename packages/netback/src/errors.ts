export type NetbackErrorCode = 'BAD_ARGUMENT' | 'BAD_FRONTEND' | 'BAD_MAPPING' | 'NO_MEMORY' | 'CLOSED'

/** The one error class of `@netaccel/netback`, for its control path; what a guest writes into a ring never leads here. */
export class NetbackError extends Error {
  readonly code: NetbackErrorCode

  constructor(code: NetbackErrorCode, message: string) {
    super(message)
    this.name = 'NetbackError'
    this.code = code
  }
}
