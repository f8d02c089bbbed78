import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { AcceleratorError, folderFiles, readPlugin } from '@netaccel/core'
import type { Capability, HalfName, Manifest, PackageFiles, PluginPackage } from '@netaccel/core'
import { TestkitError } from '../errors.js'
import type { Patch, PluginSource, VaryHalves } from './source.js'

/** A plugin's package that was read; no code of it has run. */
export interface Subject {
  readonly source: PluginSource
  readonly package: PluginPackage
  readonly manifest: Manifest
  readonly capabilities: ReadonlySet<Capability>
  /** `sha256-…` over the manifest and the bytes of all artefacts. */
  readonly integrity: string
  readonly vary: VaryHalves | null
}

/**
 * Reads a plugin.
 * @throws TestkitError BAD_PATCH; AcceleratorError BAD_MANIFEST
 */
export function readSubject(source: PluginSource): Subject {
  const plain = saying(folderFiles(source.folder), source.manifest)
  const unpatched = readPlugin(plain)
  const files = patched(plain, unpatched.manifest, source.patches ?? [])
  const found = { ...unpatched, files }
  return {
    source,
    package: found,
    manifest: found.manifest,
    capabilities: new Set(found.manifest.capabilities),
    integrity: integrityOf(found),
    vary: source.vary ?? null,
  }
}

/** A package whose manifest is none, or does not fit the schema. */
export interface Unreadable {
  readonly fault: string
  readonly manifest: Pick<Manifest, 'name'>
  readonly package: Pick<PluginPackage, 'packageName' | 'packageVersion'>
  readonly integrity: string
}

/**
 * As {@link readSubject}, but a manifest that is broken is told of.
 * @throws TestkitError BAD_PATCH; AcceleratorError BAD_MANIFEST where there is no package.json at all
 */
export function readable(source: PluginSource): Subject | Unreadable {
  try {
    return readSubject(source)
  } catch (error) {
    const bytes = folderFiles(source.folder).read('./package.json')
    if (!(error instanceof AcceleratorError) || error.code !== 'BAD_MANIFEST' || bytes === undefined)
      throw error
    return {
      fault: error.message,
      manifest: { name: '' },
      package: { packageName: basename(source.folder), packageVersion: '' },
      integrity: `sha256-${createHash('sha256').update(bytes).digest('base64')}`,
    }
  }
}

/** The same package with another manifest in its `package.json`. */
function saying(files: PackageFiles, manifest: Partial<Manifest> | undefined): PackageFiles {
  const bytes = files.read('./package.json')
  if (manifest === undefined || bytes === undefined) return files
  const read = JSON.parse(new TextDecoder().decode(bytes)) as { netaccel?: object }
  const said = { ...read, netaccel: { ...read.netaccel, ...manifest } }
  const written = new TextEncoder().encode(JSON.stringify(said))
  return { from: files.from, read: (path) => (path === './package.json' ? written : files.read(path)) }
}

function patched(files: PackageFiles, manifest: Manifest, patches: readonly Patch[]): PackageFiles {
  const changed = new Map<string, Uint8Array>()
  for (const { half, find, put } of patches) {
    const path = manifest[half]
    const bytes = path === undefined ? undefined : (changed.get(path) ?? files.read(path))
    if (path === undefined || bytes === undefined)
      throw new TestkitError('BAD_PATCH', `${files.from} has no ${half} artefact; build the package`)
    const parts = new TextDecoder().decode(bytes).split(find)
    if (parts.length !== 2)
      throw new TestkitError(
        'BAD_PATCH',
        `${path} has ${JSON.stringify(find)} ${parts.length - 1} times, not once`,
      )
    changed.set(path, new TextEncoder().encode(parts.join(put)))
  }
  return { from: files.from, read: (path) => changed.get(path) ?? files.read(path) }
}

function integrityOf({ manifest, files }: PluginPackage): string {
  const hash = createHash('sha256').update(JSON.stringify(manifest))
  for (const half of ['frontend', 'backend', 'hardware'] satisfies HalfName[]) {
    const path = manifest[half]
    const bytes = path === undefined ? undefined : files.read(path)
    if (bytes !== undefined) hash.update(bytes)
  }
  return `sha256-${hash.digest('base64')}`
}
