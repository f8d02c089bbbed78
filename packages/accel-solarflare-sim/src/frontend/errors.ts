/** Why a vif could not be attached; the message says what happened and what to look at. */
export type HandshakeErrorCode = 'LATE' | 'BROKEN'

const ADVICE: Readonly<Record<HandshakeErrorCode, string>> = {
  LATE: 'is the backend half loaded in the driver domain, and does it answer? The vif stays on the slow path',
  BROKEN: 'the log of the driver domain has the other side of it. The vif stays on the slow path',
}

/** The halves did not come to terms. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError'
  readonly code: HandshakeErrorCode

  constructor(code: HandshakeErrorCode, what: string) {
    super(`${what}; ${ADVICE[code]}.`)
    this.code = code
  }
}
