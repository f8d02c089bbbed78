import { CONTRACT_VERSIONS, type VersionRange } from '@netaccel/core'
import { Wire, type WireSocket } from '@netaccel/nic-sim'
import { CleanupStack, defaultCosts, RealClock, settle, type Timeline, VirtualClock } from '@netaccel/xen'
import { EdgeOracle } from '../check/oracle.js'
import { HostError } from '../errors.js'
import { checkWorld } from '../value/check-world.js'
import { parseSentence, type Sentence } from '../value/sentence.js'
import type { WireValue, WorldValue } from '../value/world-value.js'
import { Shelf } from './catalogue.js'
import { Host } from './host.js'
import { readFolder, type ReadPackage } from './plugin-folder.js'
import type { FaultsOf, WrapOf } from './plugins.js'
import { World } from './world.js'
import type { NamedLane } from './world-parts.js'

export interface BuildOptions {
  /** The clock to run on, when the one that the value names is not enough (a real clock that waits on devices). */
  readonly timeline?: Timeline
  /** Judge every packet at the edges. Default true; benches go without. */
  readonly oracle?: boolean
  /**
   * Count each frame by its path at the guests' devices, its TCP payload with it: what `status()` shows as `tx` and `rx`.
   * It reads every frame's headers, twice on its way. Default true; benches go without.
   */
  readonly meter?: boolean
  /** Makes doors of plugins fail, for tests. Default: none fails. */
  readonly faultsOf?: FaultsOf
  /** Puts other halves in the place of those that plugins bring, for tests and tools. Default: each as it is. */
  readonly wrap?: WrapOf
  /** How a plugin's package is read that `load` or a NIC's `kind` names. Default: from its folder, or as installed. */
  readonly readPackage?: ReadPackage
  /** The versions of the contract that the drivers provide, for tests of what plugins do at others. Default: this one's. */
  readonly versions?: VersionRange
  /**
   * False: flows that change paths may be overtaken by themselves; 'out': only those that guests receive. For tests of
   * the order fence; default true.
   */
  readonly orderFence?: boolean | 'out'
}

/**
 * Build a world and connect every vif.
 *
 * The value is checked whole before anything is made. When a part cannot be built, all that was made is undone.
 * @throws HostError BAD_VALUE, NOT_READY; XenError for want of memory
 */
export async function build(value: WorldValue, options: BuildOptions = {}): Promise<World> {
  checkWorld(value)
  const timeline = options.timeline ?? (value.clock === 'real' ? new RealClock() : new VirtualClock())
  return settle(timeline, assemble(value, timeline, options))
}

async function assemble(value: WorldValue, timeline: Timeline, options: BuildOptions): Promise<World> {
  const cleanup = new CleanupStack()
  const { faultsOf = () => null, orderFence = true, meter = true } = options
  const { wrap = null, readPackage = readFolder, versions = CONTRACT_VERSIONS } = options
  const oracle = options.oracle === false ? null : new EdgeOracle()
  const costs = { ...defaultCosts, ...value.costs }
  const hosts = new Map<string, Host>()
  const lanes: NamedLane[] = []
  const shelf = new Shelf()
  try {
    for (const [name, hostValue] of Object.entries(value.hosts)) {
      const parts = {
        timeline,
        costs,
        oracle,
        meter,
        shelf,
        faultsOf,
        wrap,
        readPackage,
        versions,
        orderFence,
        deadlines: value.deadlines ?? {},
      }
      const host = await Host.build(name, hostValue, parts)
      hosts.set(name, host)
      cleanup.push(`host ${name}`, () => host.close())
    }
    for (const wire of value.wires ?? []) {
      const described = typeof wire === 'string' ? { link: wire } : wire
      const made = join(hosts, described, value.seed ?? 1, cleanup)
      lanes.push(...lanesOf(made, described.link))
    }
    await connected(timeline, [...hosts.values()])
    return new World(value, {
      timeline,
      oracle,
      hosts,
      lanes,
      shelf,
      readPackage,
      undo: () => cleanup.run(),
    })
  } catch (error) {
    await cleanup.run()
    throw error
  }
}

function join(hosts: ReadonlyMap<string, Host>, value: WireValue, seed: number, cleanup: CleanupStack): Wire {
  const { link, delayUs = 0, ...options } = value
  const { from, to } = parseSentence(link) as Sentence
  const wire = new Wire({ ...options, delayNs: delayUs * 1000, seed: `${seed}/${link}` })
  wire.join(socketAt(hosts, from), socketAt(hosts, to))
  cleanup.push(`wire ${link}`, () => wire.part())
  return wire
}

function lanesOf(wire: Wire, link: string): NamedLane[] {
  const { from, to } = parseSentence(link) as Sentence
  const [there, back] = wire.lanes
  return [
    { name: `${from} -> ${to}`, from, to, lane: there, wire },
    { name: `${to} -> ${from}`, from: to, to: from, lane: back, wire },
  ]
}

/** checkWorld has seen that it exists. */
function socketAt(hosts: ReadonlyMap<string, Host>, path: string): WireSocket {
  const [host = '', nic = ''] = path.split('.')
  const found = hosts.get(host)?.nics.get(nic)?.device ?? hosts.get(host)?.hardware.get(nic)?.wire
  if (found === undefined) throw new HostError('NO_SUCH_PART', `There is no NIC "${path}".`)
  return found
}

const PATIENCE_NS = 10_000_000_000
const LOOK_NS = 100_000

/** Wait until every vif carries frames. */
async function connected(timeline: Timeline, hosts: readonly Host[]): Promise<void> {
  const { engine } = hosts[0].driver
  const end = timeline.now() + PATIENCE_NS
  while (!hosts.every((host) => host.connected)) {
    if (timeline.now() > end) throw notConnected(hosts)
    await new Promise<void>((resolve) => engine.after(LOOK_NS, resolve))
  }
}

function notConnected(hosts: readonly Host[]): HostError {
  const waiting = hosts.flatMap((host) => host.vifs).filter(({ vif }) => !vif.running)
  const names = waiting.map(({ path, vif }) => `${path} (${vif.state})`).join(', ')
  return new HostError(
    'NOT_READY',
    `After 10 s these vifs have not connected: ${names || 'those that no driver has found'}.`,
  )
}
