// What the socket says of plugins, and does with them.
import { discoverPlugins, type HalfStatus, readPlugin } from '@netaccel/core'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pluginFolder } from '../build/plugin-folder.js'
import type { WorldProof } from '../build/proving.js'
import type { HalfUnload, UnloadSummary } from '../build/stops.js'
import type { UpgradeSummary } from '../build/upgrading.js'
import type { World } from '../build/world.js'
import { HostError } from '../errors.js'
import type { Controlled } from './controlled.js'

/** One generation of a half, and the domain it is in. */
export interface HalfPlace extends Pick<
  HalfStatus,
  'name' | 'half' | 'packageName' | 'packageVersion' | 'hash' | 'state' | 'use' | 'holders'
> {
  /** `a.driver`: the driver domain of host a; `a.guest1`: a guest. */
  readonly place: string
}

/** What is to be loaded. */
export interface LoadRequest {
  /** Name of the plugin or of its installed package, a folder, or a tarball. */
  readonly plugin: string
  /** Names of the hosts; default all. */
  readonly hosts?: readonly string[] | undefined
  /** Told to its halves. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
  /** What the bytes of a tarball must be, as `sha512-…`. */
  readonly integrity?: string | undefined
}

export interface UnloadRequest extends Pick<LoadRequest, 'plugin' | 'hosts'> {
  /** Show that every generation is gone. */
  readonly prove: boolean
  /** Milliseconds of the world's time after which what still holds it is forced. */
  readonly deadlineMs?: number | undefined
}

/** How a load went. */
export interface LoadReport {
  readonly name: string
  readonly version: string
  /** Nanoseconds of the world's time. */
  readonly tookNs: number
  /** The vifs that use it now. */
  readonly vifs: readonly string[]
  /** The domains that its halves are in. */
  readonly places: readonly string[]
}

/** How an unload went. */
export interface UnloadReport extends UnloadSummary {
  readonly tookNs: number
  /** Null: nobody asked for it. */
  readonly proof: WorldProof | null
}

/** How an upgrade went; `cause` in words, null unless it was rolled back. */
export interface UpgradeReport extends Omit<UpgradeSummary, 'cause' | 'halves'> {
  readonly cause: string | null
  readonly halves: readonly {
    readonly place: string
    readonly half: HalfUnload['half']
    readonly from: string | null
    readonly to: string | null
  }[]
}

/** A plugin that is installed in the host's project. */
export interface InstalledPlugin {
  readonly name: string
  readonly package: string
  readonly version: string
  readonly folder: string
  readonly capabilities: readonly string[]
}

export interface PluginList {
  readonly project: string
  readonly plugins: readonly InstalledPlugin[]
  /** Dependencies that are meant as plugins and cannot be used as such. */
  readonly broken: readonly { readonly package: string; readonly code: string; readonly message: string }[]
  /** What is in some domain, or was and is not proven gone. */
  readonly halves: readonly HalfPlace[]
}

/** Load a plugin into every domain of the hosts, as `World.load`. */
export async function loadPlugin(host: Controlled, request: LoadRequest): Promise<LoadReport> {
  const { plugin, hosts, options, integrity } = request
  const { world } = host
  const from = world.timeline.now()
  checkKnown(host, plugin)
  await world.load(plugin, {
    ...(hosts === undefined ? {} : { hosts }),
    ...(options === undefined ? {} : { options }),
    ...(integrity === undefined ? {} : { integrity }),
  })
  return { ...standing(world, nameOf(host, plugin)), tookNs: world.timeline.now() - from }
}

/** Detach a plugin everywhere and unload it, as `World.unload`. @throws HostError NO_SUCH_PART when it is not loaded */
export async function unloadPlugin(host: Controlled, request: UnloadRequest): Promise<UnloadReport> {
  const { plugin, hosts, prove, deadlineMs } = request
  const { world } = host
  const from = world.timeline.now()
  const name = nameOf(host, plugin)
  checkLoaded(world, name)
  const summary = await world.unload(name, {
    ...(hosts === undefined ? {} : { hosts }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  })
  const tookNs = world.timeline.now() - from
  return { ...summary, tookNs, proof: prove ? await world.prove() : null }
}

/** Put another build in the place of what is loaded, as `World.upgrade`. */
export async function upgradePlugin(host: Controlled, request: LoadRequest): Promise<UpgradeReport> {
  const { plugin, hosts, options, integrity } = request
  checkKnown(host, plugin)
  const summary = await host.world.upgrade(plugin, {
    ...(hosts === undefined ? {} : { hosts }),
    ...(options === undefined ? {} : { options }),
    ...(integrity === undefined ? {} : { integrity }),
  })
  const { cause, halves } = summary
  const text = cause instanceof Error ? cause.message : String(cause)
  return {
    ...summary,
    cause: summary.rolledBack ? text : null,
    halves: halves.map(({ place, half, from, to }) => ({
      place,
      half,
      from: from === null ? null : buildOf(from),
      to: to === null ? null : buildOf(to),
    })),
  }
}

/** What is installed, and what is loaded where. */
export function pluginList({ world, project }: Controlled): PluginList {
  const { plugins, broken } = installed(project)
  return {
    project,
    plugins: plugins.map(({ plugin: { manifest, packageName, packageVersion }, folder }) => ({
      name: manifest.name,
      package: packageName,
      version: packageVersion,
      folder,
      capabilities: manifest.capabilities,
    })),
    broken: broken.map(({ dependency, error }) => ({
      package: dependency,
      code: error.code,
      message: error.message,
    })),
    halves: halvesOf(world),
  }
}

/** Every generation in every domain. */
export function halvesOf(world: World): HalfPlace[] {
  return world
    .halves()
    .map(({ name, place, half, packageName, packageVersion, hash, state, use, holders }) => ({
      name,
      place,
      half,
      packageName,
      packageVersion,
      hash,
      state,
      use,
      holders,
    }))
}

/** `1.2.0 (259065446a16)`. */
function buildOf({
  packageVersion,
  hash,
}: {
  readonly packageVersion: string
  readonly hash: string
}): string {
  return `${packageVersion} (${hash.slice(0, 12)})`
}

function standing(world: World, name: string): Omit<LoadReport, 'tookNs'> {
  const halves = halvesOf(world).filter((half) => half.name === name && half.state === 'loaded')
  return {
    name,
    version: halves[0]?.packageVersion ?? '',
    vifs: world
      .status()
      .vifs.filter(({ accelerator, phase }) => accelerator === name && phase === 'active')
      .map(({ path }) => path),
    places: halves.map(({ place }) => place),
  }
}

/** The name of a plugin, also when its package, a folder or a tarball is given. */
function nameOf({ world, project }: Controlled, plugin: string): string {
  if (halvesOf(world).some(({ name }) => name === plugin)) return plugin
  const named = world.nameOf(plugin)
  if (named !== plugin) return named
  try {
    return readPlugin(pluginFolder(plugin, project)).manifest.name
  } catch {
    return plugin
  }
}

/** An installed name that is misspelt is told with those that there are. @throws HostError NO_SUCH_PART */
function checkKnown({ project }: Controlled, plugin: string): void {
  try {
    pluginFolder(plugin, project)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    const known = installed(project).plugins.flatMap(({ dependency, plugin: { manifest } }) => [
      manifest.name,
      dependency,
    ])
    throw new HostError('NO_SUCH_PART', error.message, [], error, { given: plugin, known })
  }
}

function checkLoaded(world: World, name: string): void {
  const known = [...new Set(halvesOf(world).flatMap((half) => (GONE.has(half.state) ? [] : [half.name])))]
  if (known.includes(name)) return
  const sentence = `${name} is not loaded; loaded: ${known.join(', ') || 'nothing'}.`
  throw new HostError('NO_SUCH_PART', sentence, [], undefined, { given: name, known })
}

/** States of a generation that there is nothing to unload of. */
const GONE: ReadonlySet<string> = new Set(['disposed', 'purged', 'leaked'])

function installed(project: string): Pick<ReturnType<typeof discoverPlugins>, 'plugins' | 'broken'> {
  return existsSync(join(project, 'package.json')) ? discoverPlugins(project) : { plugins: [], broken: [] }
}
