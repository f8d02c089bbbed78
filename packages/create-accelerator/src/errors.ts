/** Why no package was made. */
export const CREATE_CODES = {
  BAD_NAME: 'The name is none that npm takes for a new package.',
  NO_NAME: 'No name was given, and there is no terminal to ask at.',
  UNKNOWN_VALUE: 'A flag has a value that is none of its choices.',
  UNKNOWN_FLAG: 'A flag or an argument that the command does not know.',
  FOLDER_NOT_EMPTY: 'The folder exists and holds something.',
  NO_TARBALLS: 'The folder named by --local does not hold the packages of netaccel.',
  CANCELLED: 'The questions were broken off.',
  INSTALL_FAILED: 'The package was made, and npm could not install what it depends on.',
} as const

export type CreateCode = keyof typeof CREATE_CODES

/** Closed codes, and a sentence: what was wrong, where, what to do. */
export class CreateError extends Error {
  readonly code: CreateCode

  constructor(code: CreateCode, sentence: string) {
    super(sentence)
    this.name = 'CreateError'
    this.code = code
  }
}
