/** Exit statuses of every command; the README has them as a table. */
export const EXIT_OK = 0
/** Done, and the answer is bad: something was lost, a generation leaked, an upgrade was rolled back, a rule is broken. */
export const EXIT_LOST = 1
/** Wrong usage, or this machine or this input cannot do it. */
export const EXIT_CANNOT = 2
/** Neither shown to be lost nor shown not to be. */
export const EXIT_INCONCLUSIVE = 3
/** No host is running, or it ended before it had answered. */
export const EXIT_NO_HOST = 4
/** The running host refused, or could not; its code stands in the sentence. */
export const EXIT_REFUSED_BY_HOST = 5

/** The codes of a `CliError`, with the sentences that `explain` prints. */
export const CLI_ERRORS = {
  USAGE: 'An unknown command or option, a word too many or too few, or a value that is none.',
  BAD_FILE: 'A file cannot be read, or holds something else than it should.',
  REFUSED: 'The machine refuses namespaces, TAP devices, or a program.',
  PROGRAM: 'A program that was started did not do what it was started for.',
} as const

export type CliErrorCode = keyof typeof CLI_ERRORS

/** An error that a user meets: one sentence that says what was wrong, where, and what to do. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: CliErrorCode

  constructor(code: CliErrorCode, sentence: string, options?: { cause?: unknown }) {
    super(sentence, options)
    this.code = code
  }
}

/** The text of whatever was thrown. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
