// What the socket says of plugins, and does with them.
import type { HalfName, Loader } from '@netaccel/core'
import type { World } from '../build/world.js'
import { HostError } from '../errors.js'
import type { Controlled } from './controlled.js'

/** A half that is in a domain of the world. */
export interface HalfStatus {
  readonly name: string
  /** `a`: the driver domain of host a; `a.guest1`: a guest. */
  readonly domain: string
  readonly half: HalfName
  readonly package: string
  readonly version: string
  /** SHA-256 of the artefact. */
  readonly hash: string
}

/** What is to be loaded. */
export interface LoadRequest {
  /** Name of the plugin or of its installed package, or the package's folder. */
  readonly plugin: string
  /** Names of the hosts; default all. */
  readonly hosts?: readonly string[] | undefined
  /** Told to its halves. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
}

/** How a load or unload went. */
export interface LoadReport {
  readonly name: string
  /** Nanoseconds of the world's time. */
  readonly tookNs: number
  /** The vifs that use it now. */
  readonly vifs: readonly string[]
  readonly halves: readonly HalfStatus[]
}

/** Every half of every domain. */
export function halvesOf(world: World): HalfStatus[] {
  return loadersOf(world).flatMap(({ domain, loader }) =>
    loader.loaded.map(({ name, half, packageName, packageVersion, hash }) => ({
      name,
      domain,
      half,
      package: packageName,
      version: packageVersion,
      hash,
    })),
  )
}

function loadersOf(world: World): { readonly domain: string; readonly loader: Loader }[] {
  return [...world.hosts.values()].flatMap((host) => [
    { domain: host.name, loader: host.plugins.loader },
    ...[...host.guests.values()].map(({ name, plugins }) => ({
      domain: `${host.name}.${name}`,
      loader: plugins.loader,
    })),
  ])
}

/** What of `name` there is now, since `from`. */
export function reportOf({ world }: Controlled, name: string, from: number): LoadReport {
  return {
    name,
    tookNs: world.timeline.now() - from,
    vifs: world
      .status()
      .vifs.filter(({ accelerator }) => accelerator === name)
      .map(({ path }) => path),
    halves: halvesOf(world).filter((half) => half.name === name),
  }
}

/** Load a plugin into every domain of the hosts, as `World.load`. */
export async function loadPlugin(
  host: Controlled,
  { plugin, hosts, options }: LoadRequest,
): Promise<LoadReport> {
  const from = host.world.timeline.now()
  await host.world.load(plugin, {
    ...(hosts === undefined ? {} : { hosts }),
    ...(options === undefined ? {} : { options }),
  })
  return reportOf(host, host.world.nameOf(plugin), from)
}

/** Detach a plugin everywhere and unload it, as `World.unload`. @throws HostError NO_SUCH_PART when it is not loaded */
export async function unloadPlugin(
  host: Controlled,
  { plugin, hosts }: Pick<LoadRequest, 'plugin' | 'hosts'>,
): Promise<LoadReport> {
  const from = host.world.timeline.now()
  const name = host.world.nameOf(plugin)
  const known = [...new Set(halvesOf(host.world).map((half) => half.name))]
  if (!known.includes(name)) {
    const sentence = `${name} is not loaded; loaded: ${known.join(', ') || 'nothing'}.`
    throw new HostError('NO_SUCH_PART', sentence, [], undefined, { given: name, known })
  }
  await host.world.unload(plugin, hosts === undefined ? {} : { hosts })
  return reportOf(host, name, from)
}

/** What is loaded. */
export function pluginList({ world, project }: Controlled): {
  readonly project: string
  readonly halves: readonly HalfStatus[]
} {
  return { project, halves: halvesOf(world) }
}
