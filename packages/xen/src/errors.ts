/** What went wrong, for a program. The sentence of the error says it for a person. */
export type XenErrorCode =
  /** Machine memory, or the domain's extent, has no run of free pages of that length. */
  | 'NO_MEMORY'
  /** Every grant reference of the domain is taken and the table may not grow. */
  | 'NO_GRANTS'
  /** No domain of that id exists, or the id is outside the machine's domain table. */
  | 'BAD_DOMAIN'
  /** A page, arena or frame number that is not the caller's. */
  | 'BAD_PAGE'
  /** A grant reference that the caller has not claimed. */
  | 'BAD_GRANT'
  /** Something still holds the thing that was to be given up or created anew. */
  | 'IN_USE'
  /** A number or option outside its range. */
  | 'BAD_ARGUMENT'
  /** No event-channel port is free. */
  | 'NO_PORTS'
  /** An event-channel port that the caller does not own or that is in the wrong state. */
  | 'BAD_PORT'
  /** The domain is being destroyed. */
  | 'DYING'
  /** The hypercall or operation is not allowed for this domain. */
  | 'NOT_PERMITTED'
  /** The call does not fit the state of the object: closed, not started, already running. */
  | 'BAD_STATE'
  /** A run was asked of a clock that is running. */
  | 'CLOCK_RUNNING'
  /** Virtual time does not move although engines step: something charges nothing and always has more to do. */
  | 'CLOCK_STUCK'
  /** Nothing is due any more and the awaited work has not finished. */
  | 'STALLED'
  /** One or more releases of a clean-up stack failed. */
  | 'CLEANUP'

/**
 * The package's error: control path only. What a peer writes never throws; it is answered with a status code or
 * counted.
 */
export class XenError extends Error {
  override readonly name = 'XenError'
  readonly code: XenErrorCode

  constructor(code: XenErrorCode, sentence: string, options?: { cause?: unknown }) {
    super(sentence, options)
    this.code = code
  }
}
