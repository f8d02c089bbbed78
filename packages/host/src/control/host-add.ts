// `add`: a plugin's package comes into the host's project, by npm, without running any of its code.
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import {
  AcceleratorError,
  agreeVersion,
  CONTRACT_VERSIONS,
  discoverPlugins,
  type PluginPackage,
  readPlugin,
} from '@netaccel/core'
import { HostError } from '../errors.js'
import { npm } from './npm.js'
import { ProjectState } from './project-state.js'

export interface AddRequest {
  /** The folder of the project that the host runs in. */
  readonly project: string
  /** The name of a package in the registry, with a version if need be; a folder; or a tarball. */
  readonly spec: string
  /** Of a tarball or a package of the registry: what its bytes must be, as `sha512-…`. */
  readonly integrity?: string | undefined
}

/** What was installed. */
export interface Added {
  /** The plugin's name, by which it is loaded, and its package's. */
  readonly name: string
  readonly package: string
  readonly version: string
  readonly folder: string
  readonly capabilities: readonly string[]
  /** Why its halves cannot be loaded here; null: they can. */
  readonly unfit: string | null
}

/** A name of npm, with a version, range or tag if there is one. */
const REGISTRY_NAME =
  /^(?<name>(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*)(?<version>@[A-Za-z0-9.^~<>=| -]+)?$/
const TARBALL = /\.(?:tgz|tar\.gz)$/

interface Source {
  /** What npm is given. */
  readonly spec: string
  readonly packageName: string
}

/**
 * Install a plugin's package with npm into the project, where `package.json` then names it. What is no plugin, or whose bytes
 * are not those expected, is refused, and the project is as it was, with the version of the package that it had; install
 * scripts do not run.
 * @throws HostError ADD_FAILED; AcceleratorError BAD_INTEGRITY, BAD_PACKAGE, BAD_MANIFEST, NAME_TAKEN
 */
export async function addPlugin({ project, spec, integrity }: AddRequest): Promise<Added> {
  const source = await sourceOf(project, spec, integrity)
  const before = new ProjectState(project)
  const made = ensureProject(project)
  try {
    await npm(project, [
      'install',
      '--save',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--',
      source.spec,
    ])
  } catch (error) {
    if (made) rmSync(join(project, 'package.json'), { force: true })
    throw error
  }
  try {
    return added(project, source.packageName)
  } catch (error) {
    await undo(before, source.packageName, error as Error)
    throw error
  }
}

/** @throws HostError ADD_FAILED when what was there cannot be installed again: both sentences */
async function undo(before: ProjectState, packageName: string, cause: Error): Promise<void> {
  try {
    await before.restore(packageName)
  } catch (error) {
    throw new HostError(
      'ADD_FAILED',
      `${cause.message} What was installed before could not be put back (${(error as Error).message}) package.json names it again: run \`npm install\` in the project.`,
      [],
      cause,
    )
  }
}

/** What npm has installed, as the host will find it. */
function added(project: string, packageName: string): Added {
  const { plugins, broken } = discoverPlugins(project)
  const wrong = broken.find(({ dependency }) => dependency === packageName)
  if (wrong !== undefined) throw wrong.error
  const found = plugins.find(({ dependency }) => dependency === packageName)
  const folder = found?.folder ?? join(project, 'node_modules', packageName)
  // One that has neither the keyword nor the manifest is not found: reading it says what is missing.
  const { manifest, ...plugin } = found?.plugin ?? readPlugin(folder)
  return {
    name: manifest.name,
    package: plugin.packageName,
    version: plugin.packageVersion,
    folder,
    capabilities: manifest.capabilities,
    unfit: unfitness(manifest),
  }
}

function unfitness({ name, apiVersion }: PluginPackage['manifest']): string | null {
  try {
    for (const half of ['frontend', 'backend'] as const)
      if (apiVersion[half] !== undefined)
        agreeVersion(`${name} (${half})`, apiVersion[half], CONTRACT_VERSIONS)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

/** Look at what is to be installed as far as that goes without installing it. */
async function sourceOf(project: string, spec: string, integrity: string | undefined): Promise<Source> {
  const path = resolve(project, spec)
  const isFolder = existsSync(join(path, 'package.json'))
  if (isFolder || (TARBALL.test(spec) && existsSync(path) && statSync(path).isFile()))
    return { spec: `file:${path}`, packageName: readPlugin(path, integrity).packageName }
  const { name, version } = REGISTRY_NAME.exec(spec)?.groups ?? {}
  if (name === undefined || TARBALL.test(spec))
    throw new HostError(
      'ADD_FAILED',
      `There is no package in ${path}, and "${spec}" is no name of one: give a name of the registry, a folder with a package.json, or a tarball (.tgz).`,
    )
  const wanted = `${name}${version ?? ''}`
  return {
    spec: integrity === undefined ? wanted : await pinned(project, wanted, integrity),
    packageName: name,
  }
}

/** The version whose integrity the registry gives is the expected one. npm holds the bytes to it. */
async function pinned(project: string, wanted: string, integrity: string): Promise<string> {
  const text = await npm(project, ['view', '--json', '--', wanted, 'name', 'version', 'dist.integrity'])
  const found: unknown = JSON.parse(text)
  const versions = (Array.isArray(found) ? found : [found]) as Record<string, unknown>[]
  const same = versions.find((each) => each['dist.integrity'] === integrity)
  if (same !== undefined) return `${String(same['name'])}@${String(same['version'])}`
  throw new AcceleratorError('BAD_INTEGRITY', `the registry has no ${wanted} of the integrity ${integrity}`)
}

/** npm would install into a folder above when this one has no package.json. Returns whether one was made. */
function ensureProject(project: string): boolean {
  const path = join(project, 'package.json')
  if (existsSync(path)) return false
  const name = basename(project)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]/g, '-')
    .replace(/^[._-]+/, '')
  const content = { name: name === '' ? 'host' : name, version: '0.0.0', private: true }
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`)
  return true
}
