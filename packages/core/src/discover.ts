// Discovery: which plugins the project of a host has installed. Only files are read, no code is run.
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { AcceleratorError, isAcceleratorError } from './errors.js'
import { PLUGIN_KEYWORD } from './manifest.js'
import { readPlugin } from './plugin-package.js'
import type { PluginPackage } from './plugin-package.js'

/** A plugin that a project depends on. */
export interface FoundPlugin {
  /** The name under which the project depends on it. */
  readonly dependency: string
  /** Where it really is, symlinks followed. */
  readonly folder: string
  readonly plugin: PluginPackage
}

/** A dependency that is meant as a plugin and cannot be used as one. */
export interface BrokenPlugin {
  readonly dependency: string
  readonly folder: string
  /** The name that its manifest gives, if it gives one. */
  readonly name: string | undefined
  /** `BAD_MANIFEST`, `BAD_PACKAGE`, or `NAME_TAKEN` with both folders. */
  readonly error: AcceleratorError
}

export interface Discovery {
  readonly plugins: readonly FoundPlugin[]
  readonly broken: readonly BrokenPlugin[]
  /** Dependencies that are not installed, the optional ones left out. */
  readonly missing: readonly string[]
}

/** The fields of a package.json that make a direct dependency, and whether npm insists on it. */
const FIELDS = { dependencies: true, devDependencies: true, optionalDependencies: false } as const

/**
 * Looks through the direct dependencies of the project in `projectFolder` for packages with the keyword or the manifest of a
 * plugin. A dependency is looked for where Node looks: in `node_modules` of the folder and of each above it, symlinks of
 * workspaces followed. Throws `BAD_MANIFEST` when the project itself has no package.json that can be read.
 */
export function discoverPlugins(projectFolder: string): Discovery {
  const project = resolve(projectFolder)
  const plugins: FoundPlugin[] = []
  const broken: BrokenPlugin[] = []
  const missing: string[] = []
  for (const [dependency, insisted] of dependenciesOf(project)) {
    const folder = installed(project, dependency)
    if (folder === undefined) {
      if (insisted) missing.push(dependency)
      continue
    }
    const name = claimedName(folder)
    if (name === null || [...plugins, ...broken].some((other) => other.folder === folder)) continue
    try {
      plugins.push({ dependency, folder, plugin: readPlugin(folder) })
    } catch (error) {
      if (!isAcceleratorError(error)) throw error
      broken.push({ dependency, folder, name, error })
    }
  }
  return withoutTwins(plugins, broken, missing)
}

function dependenciesOf(project: string): Map<string, boolean> {
  const found = new Map<string, boolean>()
  const content = readJson(join(project, 'package.json'))
  if (content === undefined)
    throw new AcceleratorError(
      'BAD_MANIFEST',
      `${project} has no package.json that can be read; run in the folder of the host's project, or make one with npm init`,
    )
  for (const [field, insisted] of Object.entries(FIELDS)) {
    const listed = content[field]
    if (typeof listed !== 'object' || listed === null) continue
    for (const name of Object.keys(listed)) found.set(name, insisted)
  }
  return found
}

/** The folder of a dependency, found as Node finds it from the project's folder. */
function installed(project: string, dependency: string): string | undefined {
  for (let folder = project; ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', dependency)
    if (existsSync(join(place, 'package.json'))) return realpathSync(place)
    if (folder === dirname(folder)) return undefined
  }
}

/**
 * The plugin name that a package claims; undefined: it is meant as a plugin and gives none; null: it is no plugin. A
 * package.json that cannot be read is taken for one of a plugin, so that it is named.
 */
function claimedName(folder: string): string | undefined | null {
  const content = readJson(join(folder, 'package.json'))
  if (content === undefined) return undefined
  const { keywords, netaccel } = content
  const marked = Array.isArray(keywords) && keywords.includes(PLUGIN_KEYWORD)
  if (netaccel === undefined) return marked ? undefined : null
  const name = typeof netaccel === 'object' && netaccel !== null && 'name' in netaccel ? netaccel.name : ''
  return typeof name === 'string' && name !== '' ? name : undefined
}

/** Two plugins of one name: neither can be meant by it. */
function withoutTwins(
  plugins: readonly FoundPlugin[],
  broken: readonly BrokenPlugin[],
  missing: readonly string[],
): Discovery {
  const twins = plugins.flatMap(({ dependency, folder, plugin }): BrokenPlugin[] => {
    const { name } = plugin.manifest
    const folders = plugins
      .filter((other) => other.plugin.manifest.name === name)
      .map((other) => other.folder)
    if (folders.length === 1) return []
    const error = new AcceleratorError('NAME_TAKEN', `${name} is the plugin of ${folders.join(' and of ')}`)
    return [{ dependency, folder, name, error }]
  })
  const alone = plugins.filter(({ folder }) => !twins.some((twin) => twin.folder === folder))
  return { plugins: alone, broken: [...broken, ...twins], missing }
}

function readJson(path: string): Record<string, unknown> | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof content === 'object' && content !== null ? (content as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
