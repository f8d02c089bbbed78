/** Every code that a `HostError` can carry, with the sentence that `explain` prints. */
export const HOST_ERRORS = {
  BAD_VALUE: 'A value that describes a world, or an option, is not what it must be; each finding is named.',
  NO_SUCH_PART:
    'The world has no part of that name, or the package is not installed; the error lists what there is.',
  NAME_TAKEN: 'A part of that name is there already; choose another name.',
  NOT_READY: 'Not every vif came to carry frames in time; the error says which, and where they stand.',
  LOAD_FAILED: 'A domain could not load or unload a half; the error gives the words of the domain.',
  ATTACH_FAILED:
    'The halves were loaded and some vif does not use them; the error gives the reason of each. The plugin was taken out again, the slow path goes on.',
  BAD_RUN_DIR:
    'The run directory of a host cannot be made, belongs to somebody else, or its path is too long for a socket.',
  HOST_RUNS: 'A host runs already with this run directory; stop it, or choose another name or directory.',
  NO_HOST: 'No host is running here, or more than one is and none was chosen.',
  HOST_GONE: 'The host ended, or closed the connection, before it had answered.',
  BAD_REQUEST:
    'A line on the socket is no request: it is not JSON, too long, or a parameter is not what it must be.',
  NO_METHOD: 'The socket has no method of that name; the error lists those that there are.',
  BUSY: 'Too many requests or clients at once; wait for an answer, or close a connection.',
  ADD_FAILED: 'npm could not install the package, or what it installed is no plugin; nothing of it was kept.',
  FAILED: 'Something in the host failed that it has no code for; the sentence is that of the error itself.',
} as const

/** What can go wrong when a world is described, built, driven, or asked over its socket. */
export type HostErrorCode = keyof typeof HOST_ERRORS

/** A name that was not found, and those that would have been. */
export interface Choice {
  readonly given: string
  readonly known: readonly string[]
}

/**
 * An error of the control path of this package. The message says what was wrong, where, and what to do;
 * `problems` lists each finding when there are several (a host value is checked whole, not up to its first fault).
 */
export class HostError extends Error {
  readonly code: HostErrorCode
  readonly problems: readonly string[]
  /** For NO_SUCH_PART and NO_METHOD: whoever shows the error may suggest the nearest. */
  readonly choice: Choice | undefined

  constructor(
    code: HostErrorCode,
    message: string,
    problems: readonly string[] = [],
    cause?: unknown,
    choice?: Choice,
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'HostError'
    this.code = code
    this.problems = problems
    this.choice = choice
  }
}
