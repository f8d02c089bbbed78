import { readPlugin } from '@netaccel/core'
import { Random } from '@netaccel/packet'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { left, type Resources } from '../check/resources.js'
import type { Verdict } from '../check/verdict.js'
import { startTraffic, type Traffic, type TrafficOptions } from '../traffic/start-traffic.js'
import type { WorldValue } from '../value/world-value.js'
import { Coverage, type Met } from './coverage.js'
import { leaveFrom, ORIGINS } from './leaving.js'

export interface SwitchingOptions {
  /** Two guests that the plugin can serve; see `twoHosts`. */
  readonly world: WorldValue
  /** Folder of the plugin's package. */
  readonly plugin: string
  /** What its halves are told: small rings make it busy. */
  readonly pluginOptions?: Readonly<Record<string, unknown>>
  /** Loads and unloads, on one of the hosts or on all of them by turns drawn from the seed. */
  readonly cycles: number
  readonly seed: number
  /** Default {@link switchingTraffic}. */
  readonly traffic?: TrafficOptions
  /** As in `BuildOptions`: without the order fence, to show what it is for. Default true. */
  readonly orderFence?: boolean | 'out'
  /** Puts a fault into the world before the first load: a trial that cannot find it proves nothing. */
  readonly plant?: (world: World) => void
  /** Fall silent and judge after so many cycles each time, and end at the first loss. Default: judge at the end. */
  readonly judgeEvery?: number
}

/** What a trial has shown. */
export interface SwitchingReport {
  readonly verdict: Verdict
  /** Loads and unloads done; fewer than asked for if something was lost before. */
  readonly cycles: number
  /** Gates opened and shut, over all vifs. */
  readonly switches: number
  /** Share of the switches that met each. */
  readonly coverage: Readonly<Record<Met, number>>
  /** Wire segments under way, on average. */
  readonly inFlight: number
  readonly segments: { readonly slow: number; readonly fast: number }
  readonly reordered: number
  /** What the world has more than before the first load; empty when all is back. */
  readonly left: Partial<Resources>
  readonly virtualNs: number
}

const MICROSECOND = 1000

/** Of every kind, mostly what an accelerator takes; bursts that are longer than a small ring, with air between them. */
export const switchingTraffic: Required<TrafficOptions> = {
  flows: 32,
  mix: { tcp: 0.2, tcp6: 0.02, udp: 0.2, short: 0.55, icmp: 0.02, arp: 0.01 },
  burst: 200,
  gapNs: 1200 * MICROSECOND,
}

/** The wire for it: so slow that a burst stands everywhere on its way for a while, which costs no work. */
export const switchingWire = { gbps: 2.5, delayUs: 400 } as const

/** How long a plugin stays at most: by then many flows have their filters. */
const STAY_NS = 900 * MICROSECOND
/** How long it stays away at most. */
const AWAY_NS = 300 * MICROSECOND

/**
 * Load and unload a plugin over and over under generated traffic, at instants drawn from the seed: from outside, from
 * inside a burst, from inside a poll. Ends with the sources silent, everything run out, and a verdict.
 */
export async function switchingTrial(options: SwitchingOptions): Promise<SwitchingReport> {
  const { orderFence = true, seed, plant } = options
  const world = await build({ ...options.world, seed }, { orderFence })
  try {
    plant?.(world)
    return await new Trial(world, options).run()
  } finally {
    await world.close()
  }
}

class Trial {
  readonly #world: World
  readonly #options: SwitchingOptions
  readonly #random: Random
  readonly #name: string
  readonly #coverage: Coverage
  #cycles = 0

  constructor(world: World, options: SwitchingOptions) {
    this.#world = world
    this.#options = options
    this.#random = new Random(options.seed).fork('switching')
    this.#name = readPlugin(options.plugin).manifest.name
    this.#coverage = new Coverage(world)
  }

  async run(): Promise<SwitchingReport> {
    const world = this.#world
    const { cycles, judgeEvery = cycles } = this.#options
    const before = world.resources()
    let verdict: Verdict
    do {
      const traffic = this.#start()
      for (let i = 0; i < judgeEvery && this.#cycles < cycles; i += 1) await this.#cycle()
      await traffic.stop()
      await world.drain()
      verdict = world.judge()
    } while (verdict.verdict === 'nothing lost' && this.#cycles < cycles)
    this.#coverage.stop()
    return {
      verdict,
      cycles: this.#cycles,
      switches: this.#coverage.switches,
      coverage: this.#coverage.shares,
      inFlight: this.#coverage.inFlight,
      segments: this.#segments(),
      reordered: verdict.oracle?.reordered ?? 0,
      left: left(before, world.resources()),
      virtualNs: world.timeline.now(),
    }
  }

  #start(): Traffic {
    const [one, two] = this.#world.vifs
    return startTraffic(this.#world, one.path, two.path, { ...switchingTraffic, ...this.#options.traffic })
  }

  async #cycle(): Promise<void> {
    const world = this.#world
    const random = this.#random
    const hosts = [...world.hosts.keys()]
    const turn = random.below(2 * hosts.length + 1)
    const on = turn < 2 * hosts.length ? [hosts[turn >> 1]] : hosts
    await world.load(this.#options.plugin, { options: this.#options.pluginOptions ?? {}, hosts: on })
    await world.run({ for: random.below(STAY_NS) })
    const origin = ORIGINS[random.below(ORIGINS.length)]
    if (origin !== 'outside') await leaveFrom(world, on, this.#name, origin, random)
    await world.unload(this.#name, { hosts: on })
    await world.run({ for: random.below(AWAY_NS) })
    this.#cycles += 1
  }

  #segments(): { slow: number; fast: number } {
    const total = { slow: 0, fast: 0 }
    for (const { meter } of this.#world.vifs) {
      total.slow += meter.tx.slow.segments
      total.fast += meter.tx.fast.segments
    }
    return total
  }
}
