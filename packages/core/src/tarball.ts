// An npm tarball as the files of a package, in memory: what `npm pack` writes (POSIX.1-1988 ustar with pax paths, gzip).
import { gunzipSync } from 'node:zlib'
import { AcceleratorError } from './errors.js'
import type { PackageFiles } from './plugin-package.js'

const BLOCK = 512
/** Unpacked. A plugin is some artefacts and a README. */
const MOST_BYTES = 64 * 1024 * 1024

const NAME = [0, 100] as const
const SIZE = [124, 12] as const
const CHECKSUM = [148, 8] as const
const TYPE = 156
const PREFIX = [345, 155] as const

type Field = readonly [at: number, length: number]

/**
 * The files of a tarball. `from` is for messages. Nothing is written to disk; links and special files are not looked at.
 * @throws AcceleratorError BAD_PACKAGE when it is no whole tarball
 */
export function tarballFiles(bytes: Uint8Array, from: string): PackageFiles {
  const files = entriesOf(unzip(bytes, from), from)
  return { from, read: (path) => files.get(path) }
}

function unzip(bytes: Uint8Array, from: string): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES })
  } catch (cause) {
    throw bad(from, `does not unpack (${(cause as Error).message})`, cause)
  }
}

function entriesOf(tar: Uint8Array, from: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  let paxPath: string | undefined
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
    const header = tar.subarray(at, at + BLOCK)
    const size = octal(header, SIZE)
    const content = tar.subarray(at + BLOCK, at + BLOCK + size)
    if (!isHeader(header) || content.length !== size) throw bad(from, `is damaged at byte ${at}`)
    const type = String.fromCharCode(header[TYPE])
    if (type === 'x') paxPath = /(?:^|\n)\d+ path=(.*)\n/.exec(text(content, [0, size]))?.[1]
    else {
      if (type === '0' || type === '\0') files.set(inPackage(paxPath ?? pathOf(header)), content)
      paxPath = undefined
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}

function pathOf(header: Uint8Array): string {
  const prefix = text(header, PREFIX)
  return prefix === '' ? text(header, NAME) : `${prefix}/${text(header, NAME)}`
}

/** npm puts a package below one folder, whatever its name. */
function inPackage(path: string): string {
  return `./${path.slice(path.indexOf('/') + 1)}`
}

function isHeader(header: Uint8Array): boolean {
  const [at, length] = CHECKSUM
  let sum = 0
  for (let i = 0; i < BLOCK; i += 1) sum += i >= at && i < at + length ? 0x20 : header[i]
  return sum === octal(header, CHECKSUM)
}

function octal(header: Uint8Array, field: Field): number {
  const digits = text(header, field).trim()
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : -1
}

function text(bytes: Uint8Array, [at, length]: Field): string {
  const field = bytes.subarray(at, at + length)
  const end = field.indexOf(0)
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end))
}

function bad(from: string, what: string, cause?: unknown): AcceleratorError {
  return new AcceleratorError('BAD_PACKAGE', `${from} ${what}`, { cause })
}
