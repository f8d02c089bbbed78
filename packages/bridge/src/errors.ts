export type BridgeErrorCode = 'NAME_TAKEN' | 'NO_PORTS'

/** The one error class of `@netaccel/bridge`, for its control path; frames never lead here. */
export class BridgeError extends Error {
  readonly code: BridgeErrorCode

  constructor(code: BridgeErrorCode, message: string) {
    super(message)
    this.name = 'BridgeError'
    this.code = code
  }
}
