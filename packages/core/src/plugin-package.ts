// A plugin's package as bytes: a folder, or any other place that gives files by name (an unpacked tarball, a store).
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AcceleratorError } from './errors.js'
import { parseManifest } from './manifest.js'
import type { HalfName, Manifest } from './contract/index.js'

/** Where the files of a package come from. Paths are relative to the package and begin with "./". */
export interface PackageFiles {
  /** For messages: a folder, or the name of an archive. */
  readonly from: string
  /** Undefined: there is no such file. */
  read(path: string): Uint8Array | undefined
}

/** The files of a folder. */
export function folderFiles(folder: string): PackageFiles {
  const root = resolve(folder)
  return {
    from: root,
    read(path) {
      try {
        return readFileSync(join(root, path))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
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
}

/** Reads and checks the manifest. Throws `BAD_MANIFEST`. */
export function readPlugin(from: string | PackageFiles): PluginPackage {
  const files = typeof from === 'string' ? folderFiles(from) : from
  const bytes = files.read('./package.json')
  if (bytes === undefined)
    throw new AcceleratorError(
      'BAD_MANIFEST',
      `${files.from}: there is no package.json; give the folder of a package`,
    )
  const content = parseJson(bytes, files.from)
  const { name, version } = content as { name?: unknown; version?: unknown }
  return {
    manifest: parseManifest(content, `${files.from}/package.json`),
    packageName: typeof name === 'string' ? name : '',
    packageVersion: typeof version === 'string' ? version : '',
    files,
  }
}

/** Reads and hashes one artefact. Throws `NO_HALF` or `BAD_ARTEFACT`. */
export function readArtefact(plugin: PluginPackage, half: HalfName): Artefact {
  const path = plugin.manifest[half]
  if (path === undefined)
    throw new AcceleratorError('NO_HALF', `${plugin.manifest.name} of ${plugin.files.from} has no ${half}`)
  const bytes = plugin.files.read(path)
  if (bytes === undefined)
    throw new AcceleratorError(
      'BAD_ARTEFACT',
      `${plugin.manifest.name}: the manifest names ${path} as ${half}, and ${plugin.files.from} has no such file; build the package`,
    )
  return {
    half,
    path: `${plugin.files.from}/${path.slice(2)}`,
    text: new TextDecoder().decode(bytes),
    hash: createHash('sha256').update(bytes).digest('hex'),
  }
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
