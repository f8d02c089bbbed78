import { AcceleratorError, type LoadedHalf, type LoadOptions, type PluginPackage } from '@netaccel/core'
import { HostError } from '../errors.js'
import { attached, usersOf } from './attaching.js'
import type { Shelf } from './catalogue.js'
import type { Host } from './host.js'
import {
  checkVersions,
  halvesIn,
  LOAD_ORDER,
  loadedIn,
  requestAll,
  type Target,
  targetsOf,
  unloadFrom,
} from './loading.js'
import { type HalfUnload, reportsOf } from './stops.js'

/** How one half fared in one domain. */
export interface HalfUpgrade {
  /** `a.guest1`, or `a.driver` for the driver domain of host a. */
  readonly place: string
  readonly half: 'frontend' | 'backend'
  /** What was there before, and what is there now; null: nothing. */
  readonly from: LoadedHalf | null
  readonly to: LoadedHalf | null
  /** How the old one left; null: there was none. */
  readonly unloaded: HalfUnload | null
}

/** How an upgrade went. */
export interface UpgradeSummary {
  readonly name: string
  /** The new build did not come to work, and the old one, byte for byte, is back everywhere. */
  readonly rolledBack: boolean
  /** Why it was rolled back; undefined: it was not. */
  readonly cause: unknown
  readonly halves: readonly HalfUpgrade[]
  /** The vifs that use it now. */
  readonly vifs: readonly string[]
  /** From the first detach to the last attach, in ns of the world's time: how long traffic went slow. */
  readonly tookNs: number
}

/** A half that stands in a domain, and what it can be loaded from again. */
interface Standing {
  readonly target: Target
  readonly half: 'frontend' | 'backend'
  readonly facts: LoadedHalf
  readonly plugin: PluginPackage
  readonly load: LoadOptions
}

/**
 * Put `next` in the place of what is loaded of its name, in the domains where it is: every vif leaves, both halves go, the
 * new ones come, the vifs attach. When a half cannot be loaded, or a vif that used the old build does not use the new one,
 * all is taken out again and the old bytes are loaded.
 * @throws AcceleratorError NOT_LOADED, EPROTO, ENEWER before anything has changed; HostError LOAD_FAILED, ATTACH_FAILED when the old build did not come back either
 */
export async function upgradeOn(
  hosts: readonly Host[],
  shelf: Shelf,
  next: PluginPackage,
  load: LoadOptions,
): Promise<UpgradeSummary> {
  const { name } = next.manifest
  checkVersions(hosts, next, load.version)
  const { engine } = hosts[0].driver
  const began = engine.now()
  const before = standing(hosts, name)
  if (before.length === 0)
    throw new AcceleratorError('NOT_LOADED', `${name} on ${hosts.map((host) => host.name).join(', ')}`)
  const users = usersOf(hosts, name)
  const unloads = await reportsOf(hosts, name, () => unloadFrom(hosts, name))
  let cause: unknown
  try {
    shelf.put(next, load)
    for (const half of halvesIn(next)) await requestAll(placesFor(hosts, half, before), name, 'load')
    await attached(hosts, name, users)
  } catch (error) {
    cause = error
    await restore(hosts, shelf, name, before, users, error)
  }
  return {
    name,
    rolledBack: cause !== undefined,
    cause,
    halves: changes(before, standing(hosts, name), unloads.halves),
    vifs: [...usersOf(hosts, name)],
    tookNs: engine.now() - began,
  }
}

function standing(hosts: readonly Host[], name: string): Standing[] {
  return LOAD_ORDER.flatMap((half) =>
    targetsOf(hosts, half).flatMap((target): Standing[] => {
      const facts = loadedIn(target, name, half)
      const source = target.loader.sourceOf(name, half)
      return facts === undefined || source === undefined ? [] : [{ target, half, facts, ...source }]
    }),
  )
}

/** Where this half stood; a half that the old build did not have comes wherever it fits on those hosts. */
function placesFor(
  hosts: readonly Host[],
  half: 'frontend' | 'backend',
  before: readonly Standing[],
): Target[] {
  const had = before.filter((one) => one.half === half).map(({ target }) => target)
  if (had.length > 0) return had
  const touched = hosts.filter((host) => before.some(({ target }) => target.driver === host.driver))
  return targetsOf(touched, half)
}

/** The old bytes, each where it was, as it was told to be. */
async function restore(
  hosts: readonly Host[],
  shelf: Shelf,
  name: string,
  before: readonly Standing[],
  users: ReadonlySet<string>,
  why: unknown,
): Promise<void> {
  try {
    await unloadFrom(hosts, name)
    for (const { target, plugin, load } of before) {
      shelf.put(plugin, load)
      await requestAll([target], name, 'load')
    }
    await attached(hosts, name, users)
  } catch (cause) {
    const problems = [why, cause].map((error) => (error instanceof Error ? error.message : String(error)))
    throw new HostError(
      'LOAD_FAILED',
      `${name} could not be upgraded (${problems[0]}), and the build before did not come back (${problems[1]}). The slow path goes on.`,
      problems,
      cause,
    )
  }
}

function changes(
  before: readonly Standing[],
  after: readonly Standing[],
  unloads: readonly HalfUnload[],
): HalfUpgrade[] {
  const found = new Map<string, HalfUpgrade>()
  for (const { target, half, facts } of before) {
    const unloaded = unloads.find((one) => one.place === target.place && one.half === half) ?? null
    found.set(`${target.place} ${half}`, { place: target.place, half, from: facts, to: null, unloaded })
  }
  for (const { target, half, facts } of after) {
    const old = found.get(`${target.place} ${half}`)
    const { place } = target
    found.set(`${place} ${half}`, { ...(old ?? { place, half, from: null, unloaded: null }), to: facts })
  }
  return [...found.values()]
}
