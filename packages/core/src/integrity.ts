// Expected bytes: the words that npm uses for them (Subresource Integrity), and the hexadecimal SHA-256 of our own reports.
import { createHash } from 'node:crypto'
import { AcceleratorError } from './errors.js'
import type { HalfName } from './contract/index.js'

/**
 * What the bytes of a package must be. A text: of the whole tarball, `sha512-<base64>` as lock files and `npm pack --json`
 * have it. An object: of each artefact. Where a text stands for an artefact it may also be the 64 digits that reports print.
 */
export type PluginIntegrity = string | Readonly<Partial<Record<HalfName, string>>>

const SRI = /^(sha256|sha384|sha512)-([A-Za-z0-9+/]+={0,2})$/
const HEX = /^[0-9a-f]{64}$/

/** @throws AcceleratorError BAD_INTEGRITY with both hashes, BAD_ARGUMENT for a word that is no hash */
export function checkIntegrity(bytes: Uint8Array, expected: string, what: string): void {
  const [, algorithm = 'sha256', digest] = SRI.exec(expected) ?? []
  if (digest === undefined && !HEX.test(expected))
    throw new AcceleratorError(
      'BAD_ARGUMENT',
      `the integrity ${JSON.stringify(expected.slice(0, 120))} of ${what} is neither "sha512-<base64>" nor the 64 digits of a SHA-256`,
    )
  const found = createHash(algorithm).update(bytes)
  const is = digest === undefined ? found.digest('hex') : `${algorithm}-${found.digest('base64')}`
  if (is !== expected)
    throw new AcceleratorError('BAD_INTEGRITY', `${what} should be ${expected} and is ${is}`)
}
