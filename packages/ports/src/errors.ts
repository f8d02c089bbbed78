/** What can go wrong on the control path of this package. */
export type PortErrorCode =
  /** The system is not Linux, or has no binding to its C library. */
  | 'NOT_SUPPORTED'
  /** `/dev/net/tun` does not exist. */
  | 'NO_TUN'
  /** The process may not open `/dev/net/tun` or make a device. */
  | 'NO_RIGHTS'
  /** A device of that name exists already. */
  | 'NAME_IN_USE'
  /** A name the kernel cannot take. */
  | 'BAD_NAME'
  /** An option outside its range. */
  | 'BAD_OPTION'
  /** The kernel refused for another reason; the sentence has its error. */
  | 'REFUSED'
  /** The device was closed or destroyed. */
  | 'CLOSED'
  /** A capture that cannot be read to its end. */
  | 'BAD_CAPTURE'
  /** A file that cannot be opened or written. */
  | 'BAD_FILE'

/** An error of the control path. The message says what was wrong, where, and what to do. */
export class PortError extends Error {
  override readonly name = 'PortError'
  readonly code: PortErrorCode

  constructor(code: PortErrorCode, sentence: string, options?: { cause?: unknown }) {
    super(sentence, options)
    this.code = code
  }
}
