/** Exit statuses of every command. */
export const EXIT_OK = 0
/** Something was lost. */
export const EXIT_LOST = 1
/** Wrong usage, or this machine or this input cannot do it. */
export const EXIT_CANNOT = 2
/** Neither shown to be lost nor shown not to be. */
export const EXIT_INCONCLUSIVE = 3

export type CliErrorCode =
  /** An unknown command or option, or a value that is none. */
  | 'USAGE'
  /** A file that cannot be read, or that holds something else than it should. */
  | 'BAD_FILE'
  /** The machine refuses namespaces, TAP devices, or a program. */
  | 'REFUSED'
  /** A program that we started did not do what it was started for. */
  | 'PROGRAM'

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
