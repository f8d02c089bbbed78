// A plugin's package as bytes: a folder, or any other place that gives files by name (an unpacked tarball, a store).
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AcceleratorError } from './errors.js'
import { checkIntegrity } from './integrity.js'
import { parseManifest } from './manifest.js'
import { tarballFiles } from './tarball.js'
import type { HalfName, Manifest } from './contract/index.js'
import type { PluginIntegrity } from './integrity.js'

/** A path of this form is a tarball, as `npm pack` writes it. */
const TARBALL = /\.(?:tgz|tar\.gz)$/
const HALVES: readonly HalfName[] = ['frontend', 'backend', 'hardware']

/** Where the files of a package come from. Paths are relative to the package and begin with "./". */
export interface PackageFiles {
  /** For messages: a folder, or the name of an archive. */
  readonly from: string
  /** Undefined: there is no such file. */
  read(path: string): Uint8Array | undefined
}

/** Not there: no such name, or a name below what is no folder. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR'])

/** The files of a folder. A file that is there and cannot be read is `BAD_PACKAGE`. */
export function folderFiles(folder: string): PackageFiles {
  const root = resolve(folder)
  return { from: root, read: (path) => readFile(join(root, path)) }
}

/** Undefined: it is not there. */
function readFile(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path)
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    if (ABSENT.has(code)) return undefined
    throw new AcceleratorError('BAD_PACKAGE', `${path} cannot be read (${message})`, { cause })
  }
}

/** The bytes of one artefact, read once: what is hashed is what is compiled. */
export interface Artefact {
  readonly half: HalfName
  /** For messages and stack traces. */
  readonly path: string
  readonly text: string
  /** SHA-256 of the bytes, in hexadecimal. */
  readonly hash: string
}

/** A package whose manifest is valid. No code of it has run. */
export interface PluginPackage {
  readonly manifest: Manifest
  /** The package's own name and version, for reports; not the contract's. */
  readonly packageName: string
  readonly packageVersion: string
  readonly files: PackageFiles
  /** What its artefacts must be. */
  readonly integrity?: Exclude<PluginIntegrity, string>
}

/**
 * Reads and checks the manifest of a folder, of an npm tarball (`….tgz`), or of a place that gives files.
 * Throws `BAD_MANIFEST`, `BAD_PACKAGE`, `BAD_INTEGRITY` (of a tarball at once, of an artefact when it is read).
 */
export function readPlugin(from: string | PackageFiles, integrity?: PluginIntegrity): PluginPackage {
  const files = filesOf(from, typeof integrity === 'string' ? integrity : undefined)
  const bytes = files.read('./package.json')
  if (bytes === undefined)
    throw new AcceleratorError(
      'BAD_MANIFEST',
      `${files.from}: there is no package.json; give the folder of a package, or its tarball`,
    )
  const content = parseJson(bytes, files.from)
  const manifest = parseManifest(content, `${files.from}/package.json`)
  const { name, version } = content as { name?: unknown; version?: unknown }
  return {
    manifest,
    packageName: typeof name === 'string' ? name : '',
    packageVersion: typeof version === 'string' ? version : '',
    files,
    ...(typeof integrity === 'object' && { integrity }),
  }
}

/** The package with what its artefacts must be. */
export function withIntegrity(plugin: PluginPackage, integrity: PluginIntegrity | undefined): PluginPackage {
  if (integrity === undefined) return plugin
  if (typeof integrity === 'string') throw notOne(plugin.files.from)
  return { ...plugin, integrity }
}

/**
 * The same package with its artefacts in memory, each read once: what is loaded into one domain after the other, and loaded
 * again when a newer build fails, is the same bytes whatever happens to the files meanwhile.
 * Throws as {@link readArtefact} does, for every half that the manifest names.
 */
export function heldPlugin(plugin: PluginPackage): PluginPackage {
  const held = new Map<string, Uint8Array>()
  for (const half of HALVES) {
    const path = plugin.manifest[half]
    if (path !== undefined) held.set(path, artefactBytes(plugin, half))
  }
  const { from } = plugin.files
  return { ...plugin, files: { from, read: (path) => held.get(path) } }
}

/** Reads and hashes one artefact. Throws `NO_HALF`, `BAD_ARTEFACT`, `BAD_INTEGRITY` or `BAD_PACKAGE`. */
export function readArtefact(plugin: PluginPackage, half: HalfName): Artefact {
  const bytes = artefactBytes(plugin, half)
  const path = pathOf(plugin, half)
  return { half, path, text: decoded(bytes, path), hash: createHash('sha256').update(bytes).digest('hex') }
}

function artefactBytes(plugin: PluginPackage, half: HalfName): Uint8Array {
  const { manifest, files, integrity } = plugin
  const path = manifest[half]
  if (path === undefined)
    throw new AcceleratorError('NO_HALF', `${manifest.name} of ${files.from} has no ${half}`)
  const bytes = files.read(path)
  if (bytes === undefined)
    throw new AcceleratorError(
      'BAD_ARTEFACT',
      `${manifest.name}: the manifest names ${path} as ${half}, and ${files.from} has no such file; build the package`,
    )
  const expected = integrity?.[half]
  if (expected !== undefined) checkIntegrity(bytes, expected, pathOf(plugin, half))
  return bytes
}

/** For messages and stack traces. */
function pathOf({ manifest, files }: PluginPackage, half: HalfName): string {
  return `${files.from}/${manifest[half]?.slice(2)}`
}

/** Text that is not UTF-8 would be changed by decoding: what is hashed would not be what runs. */
function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new AcceleratorError('BAD_ARTEFACT', `${path} is not UTF-8 text; build the package`, { cause })
  }
}

function filesOf(from: string | PackageFiles, integrity: string | undefined): PackageFiles {
  if (typeof from === 'string' && TARBALL.test(from)) {
    const bytes = readFile(from)
    if (bytes === undefined) throw new AcceleratorError('BAD_PACKAGE', `there is no tarball ${resolve(from)}`)
    if (integrity !== undefined) checkIntegrity(bytes, integrity, from)
    return tarballFiles(bytes, resolve(from))
  }
  const files = typeof from === 'string' ? folderFiles(from) : from
  if (integrity !== undefined) throw notOne(files.from)
  return files
}

function notOne(from: string): AcceleratorError {
  return new AcceleratorError(
    'BAD_ARGUMENT',
    `${from} is not one tarball, so one integrity does not fit it; give { frontend, backend, hardware }`,
  )
}

function parseJson(bytes: Uint8Array, from: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new AcceleratorError(
      'BAD_MANIFEST',
      `${from}/package.json is not JSON: ${(cause as Error).message}`,
      { cause },
    )
  }
}
