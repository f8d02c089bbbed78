/** What can go wrong in the kit itself; a plugin's faults are findings, not errors. */
export const TESTKIT_CODES = {
  BAD_PATCH: 'A variation of a plugin does not fit its artefact.',
  BAD_VARIATION: 'A variation of a plugin cannot be run.',
  BAD_SCRIPT: 'A script has a word that the kit does not know.',
  UNKNOWN_RULE: 'There is no such rule.',
  WORKER_FAILED: 'The thread that runs the checks ended by itself.',
} as const

export type TestkitCode = keyof typeof TESTKIT_CODES

export class TestkitError extends Error {
  readonly code: TestkitCode

  constructor(code: TestkitCode, detail: string, options?: ErrorOptions) {
    super(`${code}: ${detail}. ${TESTKIT_CODES[code]}`, options)
    this.name = 'TestkitError'
    this.code = code
  }
}
