import {
  AcceleratorError,
  agreeVersion,
  type LoadedHalf,
  type Loader,
  type LoadOptions,
  MODULE_DIRECTORY,
  type PluginPackage,
  readArtefact,
  type RegistryHalf,
  requestModule,
} from '@netaccel/core'
import type { Domain } from '@netaccel/xen'
import { HostError } from '../errors.js'
import { attached } from './attaching.js'
import type { Shelf } from './catalogue.js'
import type { Host } from './host.js'

/** How long a domain may be at work on a request, in ns: the deadlines of its steps, added up. */
const WORK_NS = 12_000_000_000
const LOOK_NS = 50_000
/** How long a domain may take to answer, in ms, beside the deadline that it was given. */
const ANSWER_MS = 15_000

/** A domain of the hosts, seen from the driver domain, which may write everywhere. */
export interface Target {
  /** `a.guest1`, or `a.driver`. */
  readonly place: string
  readonly driver: Domain
  readonly domain: Domain
  readonly loader: Loader
}

/** The domains of these hosts that take this half. */
export function targetsOf(hosts: readonly Host[], half: RegistryHalf): Target[] {
  return hosts.flatMap(({ name, driver, plugins, guests }) => {
    if (half === 'backend')
      return [{ place: `${name}.driver`, driver, domain: driver, loader: plugins.loader }]
    return [...guests.values()].map((guest): Target => ({
      place: `${name}.${guest.name}`,
      driver,
      domain: guest.domain,
      loader: guest.plugins.loader,
    }))
  })
}

/** A guest that hears of an accelerator finds its other half there; the last to leave is the driver domain. */
export const LOAD_ORDER: readonly RegistryHalf[] = ['backend', 'frontend']

/** The halves that a package has for the drivers, in the order in which they are loaded. */
export function halvesIn({ manifest }: PluginPackage): RegistryHalf[] {
  return LOAD_ORDER.filter((half) => manifest[half] !== undefined)
}

/** @throws AcceleratorError EPROTO, ENEWER if one of its halves does not fit these hosts */
export function checkVersions(hosts: readonly Host[], plugin: PluginPackage, asked?: number): void {
  const { name, apiVersion } = plugin.manifest
  const { versions } = hosts[0].plugins.registry
  for (const half of halvesIn(plugin)) agreeVersion(`${name} (${half})`, apiVersion[half], versions, asked)
}

/** Guests let go first, then the driver domains. A half that is not loaded is none to unload. */
export async function unloadFrom(hosts: readonly Host[], name: string, deadlineMs?: number): Promise<void> {
  for (const half of LOAD_ORDER.toReversed())
    await requestAll(targetsOf(hosts, half), name, 'unload', deadlineMs)
}

/** The same request to all these domains at once. */
export async function requestAll(
  targets: readonly Target[],
  name: string,
  request: 'load' | 'unload',
  deadlineMs?: number,
): Promise<void> {
  await Promise.all(targets.map((target) => ask(target, name, request, deadlineMs)))
}

/** What stands of a name in a domain. */
export function loadedIn({ loader }: Target, name: string, half: RegistryHalf): LoadedHalf | undefined {
  return loader.loaded.find((one) => one.name === name && one.half === half)
}

/**
 * Load both halves where they are not yet, and wait until each vif that was offered them uses them. What fails is taken
 * out again wherever this call has put it.
 * @throws AcceleratorError EPROTO, ENEWER, EEXIST before anything is loaded; HostError LOAD_FAILED, ATTACH_FAILED
 */
export async function bringIn(
  hosts: readonly Host[],
  shelf: Shelf,
  plugin: PluginPackage,
  load: LoadOptions,
): Promise<void> {
  const { name } = plugin.manifest
  checkVersions(hosts, plugin, load.version)
  const halves = halvesIn(plugin).map((half) => ({ half, targets: vacant(hosts, plugin, half) }))
  const putBack = shelf.put(plugin, load)
  try {
    for (const { targets } of halves) await requestAll(targets, name, 'load')
    await attached(hosts, name)
  } catch (error) {
    for (const { targets } of halves.toReversed()) await requestAll(targets, name, 'unload')
    putBack()
    throw error
  }
}

/** Where this half is still to be loaded. Throws EEXIST where other bytes of it stand. */
function vacant(hosts: readonly Host[], plugin: PluginPackage, half: RegistryHalf): Target[] {
  const { name } = plugin.manifest
  const { hash } = readArtefact(plugin, half)
  return targetsOf(hosts, half).filter((target) => {
    const there = loadedIn(target, name, half)
    if (there !== undefined && there.hash !== hash)
      throw new AcceleratorError(
        'EEXIST',
        `${name} ${there.packageVersion} (${there.hash.slice(0, 12)}) is in ${target.place}`,
      )
    return there === undefined
  })
}

/** A domain's own word on a request that it has not ended yet. */
const UNDER_WAY = ['loading', 'draining']

/**
 * Ask a domain through its directory in the store, as `control/shutdown` is used, and wait for its answer.
 * @throws HostError LOAD_FAILED with what the domain says; AcceleratorError DEADLINE if it says nothing
 */
async function ask(
  { driver, domain }: Target,
  name: string,
  request: 'load' | 'unload',
  deadlineMs?: number,
): Promise<void> {
  const { store, engine } = driver
  const text = deadlineMs === undefined ? request : `${request}:${wholeMs(deadlineMs)}`
  let state = await requestModule(store, engine, domain.id, name, text, ANSWER_MS + (deadlineMs ?? 0))
  // A vif may have asked for the same half by itself: then another answer follows.
  for (const end = engine.now() + WORK_NS; UNDER_WAY.includes(state) && engine.now() < end;) {
    await new Promise<void>((resolve) => engine.after(LOOK_NS, resolve))
    state = (await store.read(`/local/domain/${domain.id}/${MODULE_DIRECTORY}/${name}/state`)) ?? ''
  }
  if (state.startsWith(`${request}ed`)) return
  const [, code = '', ...words] = state.split(':')
  const said = state.startsWith('failed:') ? `${code}: ${words.join(':')}` : `it says "${state}"`
  throw new HostError('LOAD_FAILED', `${name} could not be ${request}ed in ${domain.name}: ${said}`)
}

/** As a request says it: whole, in seven digits at most. */
function wholeMs(ms: number): number {
  return Math.min(9_999_999, Math.ceil(ms))
}
