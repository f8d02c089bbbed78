import { readPlugin } from '@netaccel/core'
import { Random } from '@netaccel/packet'
import { defaultCosts, scaleCosts } from '@netaccel/xen'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import type { Verdict } from '../check/verdict.js'
import { makeFlows } from '../traffic/flows.js'
import { addressOf } from '../traffic/start-traffic.js'
import { SteadyStack } from '../traffic/steady-stack.js'
import type { WorldValue } from '../value/world-value.js'

export interface PauseOptions {
  /** Two guests that the plugin can serve; see `twoHosts`. */
  readonly world: WorldValue
  /** Every cost of the default table times this. Default 1. */
  readonly costFactor?: number
  /** Folder of the plugin's package. */
  readonly plugin: string
  readonly cycles: number
  /** Each flow sends a datagram every so many ns. Default 50,000. */
  readonly gapNs?: number
  /** Flows each way. Default 8. */
  readonly flows?: number
}

/** Longest times without a frame, one for each flow and cycle, in virtual ns; the pace of the flows is part of them. */
export interface PauseReport {
  readonly verdict: Verdict
  readonly pauses: number
  readonly median: number
  readonly p99: number
  readonly longest: number
  /** Share of the received frames that came by the plugin: without any there was no switch. */
  readonly fast: number
}

const MS = 1_000_000
/** Long enough for filters to be inserted and for flows to move, on either side of a switch. */
const STAY_NS = 3 * MS

const UDP_ONLY = { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 }

/** How long flows that send like a clock go without a frame when a plugin is loaded or unloaded, on all hosts at once. */
export async function pauseTrial(options: PauseOptions): Promise<PauseReport> {
  const costs = scaleCosts(defaultCosts, options.costFactor ?? 1)
  const world = await build({ ...options.world, costs })
  try {
    return await measure(world, options)
  } finally {
    await world.close()
  }
}

async function measure(world: World, options: PauseOptions): Promise<PauseReport> {
  const { plugin, cycles, gapNs = 50_000, flows = 8 } = options
  const { name } = readPlugin(plugin).manifest
  const [one, two] = world.vifs
  const stacks = [one, two].map((vif) => new SteadyStack(vif, gapNs))
  const random = new Random(world.value.seed ?? 1).fork('pause')
  const [near, far] = [addressOf(world, one.path), addressOf(world, two.path)]
  stacks[0].start(makeFlows(near, far, flows, UDP_ONLY, random))
  stacks[1].start(makeFlows(far, near, flows, UDP_ONLY, random))
  await world.run({ for: STAY_NS })
  for (const stack of stacks) stack.takeLongest()
  const pauses: number[] = []
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    await world.load(plugin)
    await world.run({ for: STAY_NS + random.below(MS) })
    await world.unload(name)
    await world.run({ for: STAY_NS + random.below(MS) })
    for (const stack of stacks) pauses.push(...stack.takeLongest())
  }
  for (const stack of stacks) stack.stop()
  await world.run({ for: STAY_NS })
  await world.drain()
  pauses.sort((a, b) => a - b)
  const at = (share: number): number => pauses[Math.floor(share * (pauses.length - 1))]
  return {
    verdict: world.judge(),
    pauses: pauses.length,
    median: at(0.5),
    p99: at(0.99),
    longest: at(1),
    fast: fastShare(world),
  }
}

function fastShare(world: World): number {
  let fast = 0
  let slow = 0
  for (const { meter } of world.vifs) {
    fast += meter.rx.fast.frames
    slow += meter.rx.slow.frames
  }
  return fast / (fast + slow)
}
