/** What can go wrong on the control path of this package; data from a guest or from the wire never leads here. */
export type NicErrorCode = 'BAD_OPTION' | 'NOT_JOINED' | 'ALREADY_JOINED' | 'CLOSED' | 'TOO_MANY'

/** The one error class of `@netaccel/nic-sim`: a closed code and a sentence with what to do about it. */
export class NicError extends Error {
  readonly code: NicErrorCode

  constructor(code: NicErrorCode, message: string) {
    super(message)
    this.name = 'NicError'
    this.code = code
  }
}
