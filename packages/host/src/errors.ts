/** What can go wrong when a world is described, built or driven. */
export type HostErrorCode =
  | 'BAD_VALUE'
  | 'NO_SUCH_PART'
  | 'NAME_TAKEN'
  | 'NOT_READY'
  | 'LOAD_FAILED'
  | 'ATTACH_FAILED'

/**
 * An error of the control path of this package. The message says what was wrong, where, and what to do;
 * `problems` lists each finding when there are several (a host value is checked whole, not up to its first fault).
 */
export class HostError extends Error {
  readonly code: HostErrorCode
  readonly problems: readonly string[]

  constructor(code: HostErrorCode, message: string, problems: readonly string[] = [], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'HostError'
    this.code = code
    this.problems = problems
  }
}
