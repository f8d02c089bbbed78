import { readPlugin } from '@netaccel/core'
import type { PathObserver } from '@netaccel/netfront'
import { type Frame, Random } from '@netaccel/packet'
import type { GuestVif } from '../build/guest-vif.js'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { left, type Resources } from '../check/resources.js'
import type { Verdict } from '../check/verdict.js'
import { type Address, makeFlows, type Mix } from '../traffic/flows.js'
import { type Pace, VirtualStack } from '../traffic/virtual-stack.js'
import type { WorldValue } from '../value/world-value.js'
import { PLACES, type Place, standing } from './standing.js'

export interface SwitchingOptions {
  /** Two guests that the plugin can serve; see {@link twoHosts}. */
  readonly world: WorldValue
  /** Folder of the plugin's package. */
  readonly plugin: string
  /** What its halves are told: small rings make it busy. */
  readonly pluginOptions?: Readonly<Record<string, unknown>>
  readonly cycles: number
  readonly seed: number
  /** Flows each way. Default 32. */
  readonly flows?: number
  readonly mix?: Mix
  readonly pace?: Pace
  /** As in `BuildOptions`: without the order fence, to show what it is for. Default true. */
  readonly orderFence?: boolean | 'out'
}

/** What a trial has shown. */
export interface SwitchingReport {
  readonly verdict: Verdict
  /** Gates opened and shut, over all vifs. */
  readonly switches: number
  /** Share of the switches at which something stood in each place. */
  readonly coverage: Readonly<Record<Place, number>>
  readonly segments: { readonly slow: number; readonly fast: number }
  readonly reordered: number
  /** What the world has more than before the first load; empty when all is back. */
  readonly left: Partial<Resources>
  readonly virtualNs: number
}

const MICROSECOND = 1000
/** Mostly what an accelerator takes, with some of what it never does. */
const switchingMix: Mix = { tcp: 0.5, tcp6: 0.02, udp: 0.45, icmp: 0.02, arp: 0.01 }
/** More than the wire carries, in bursts longer than a small ring. */
const hardPace: Pace = { burst: 256, gapNs: 20 * MICROSECOND }
const STAY_NS = 1000 * MICROSECOND
const PATIENCE_NS = 3000 * MICROSECOND

/**
 * Where the request to leave comes from: from outside, from inside a burst, from inside a poll, or while a frame is
 * parked, which at an instant drawn blindly is rare.
 */
type Origin = 'outside' | 'burst' | 'poll' | 'parked'
const ORIGINS: readonly Origin[] = ['outside', 'burst', 'poll', 'parked', 'parked']

/**
 * Load and unload a plugin over and over under generated traffic, at instants drawn from the seed: from outside, from
 * inside a burst, from inside a poll. Ends with the sources silent, everything run out, and a verdict.
 */
export async function switchingTrial(options: SwitchingOptions): Promise<SwitchingReport> {
  const { orderFence = true } = options
  const world = await build({ ...options.world, seed: options.seed }, { orderFence })
  try {
    return await new Trial(world, options).run()
  } finally {
    await world.close()
  }
}

class Trial {
  readonly #world: World
  readonly #options: SwitchingOptions
  readonly #random: Random
  readonly #stacks: VirtualStack[]
  readonly #name: string
  readonly #seen: Record<Place, number>
  #switches = 0

  constructor(world: World, options: SwitchingOptions) {
    this.#world = world
    this.#options = options
    this.#random = new Random(options.seed).fork('switching')
    this.#name = readPlugin(options.plugin).manifest.name
    this.#seen = Object.fromEntries(PLACES.map((place) => [place, 0])) as Record<Place, number>
    this.#stacks = world.vifs.map((vif) => new VirtualStack(vif, vif.engine, this.#random.fork(vif.path)))
    for (const host of world.hosts.values()) {
      for (const guest of host.guests.values()) {
        // A gate opens, or is about to shut.
        guest.plugins.events.on('phase', ({ to }) => {
          if (to === 'active') this.#note()
        })
        guest.plugins.events.on('half_draining', () => this.#note())
      }
    }
  }

  async run(): Promise<SwitchingReport> {
    const world = this.#world
    const before = world.resources()
    this.#start()
    for (let cycle = 0; cycle < this.#options.cycles; cycle += 1) await this.#cycle()
    for (const stack of this.#stacks) stack.stop()
    await world.drain()
    const verdict = world.judge()
    const share = (place: Place): number => this.#seen[place] / Math.max(1, this.#switches)
    return {
      verdict,
      switches: this.#switches,
      coverage: Object.fromEntries(PLACES.map((place) => [place, share(place)])) as Record<Place, number>,
      segments: this.#segments(),
      reordered: verdict.oracle?.reordered ?? 0,
      left: left(before, world.resources()),
      virtualNs: world.timeline.now(),
    }
  }

  #start(): void {
    const { flows = 32, mix = switchingMix, pace = hardPace } = this.#options
    const [one, two] = this.#world.vifs.map(addressOf)
    const random = this.#random
    this.#stacks[0].start(makeFlows(one, two, flows, mix, random.fork('there')), pace)
    this.#stacks[1].start(makeFlows(two, one, flows, mix, random.fork('back')), pace)
  }

  async #cycle(): Promise<void> {
    await this.#world.load(this.#options.plugin, { options: this.#options.pluginOptions ?? {} })
    await this.#world.run({ for: this.#random.below(STAY_NS) })
    const origin = ORIGINS[this.#random.below(ORIGINS.length)]
    if (origin !== 'outside') await this.#leaveFrom(origin)
    await this.#world.unload(this.#name)
    await this.#world.run({ for: this.#random.below(STAY_NS) })
  }

  /** Each guest's own code unloads the plugin at an instant of the wanted kind. */
  async #leaveFrom(origin: Exclude<Origin, 'outside'>): Promise<void> {
    const guests = [...this.#world.hosts.values()].flatMap((host) => [...host.guests.values()])
    const unloads: Promise<unknown>[] = []
    const waiting = guests.map((guest) => {
      const [vif] = guest.vifs.values()
      const leave = (): void => void unloads.push(guest.plugins.loader.unload(this.#name, 'frontend'))
      if (origin === 'parked') return new ParkedWatch(vif, leave)
      return new Tripwire(vif, origin, 1 + this.#random.below(40), leave)
    })
    const until = (): boolean => waiting.every((each) => each.look())
    await this.#world.run({ for: PATIENCE_NS, until })
    for (const each of waiting) each.remove()
    await this.#world.drive(Promise.all(unloads))
  }

  #note(): void {
    this.#switches += 1
    for (const place of standing(this.#world)) this.#seen[place] += 1
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

/** Acts once, in the first step after which a frame of the vif stands parked. */
class ParkedWatch {
  readonly #vif: GuestVif
  readonly #act: () => void
  #acted = false

  constructor(vif: GuestVif, act: () => void) {
    this.#vif = vif
    this.#act = act
  }

  /** Called between steps; true once it has acted. */
  look(): boolean {
    if (!this.#acted && this.#vif.vif.queues.some((queue) => queue.fastPath?.hasParked === true)) {
      this.#acted = true
      this.#act()
    }
    return this.#acted
  }

  remove(): void {
    this.#acted = true
  }
}

/** Observes a queue's paths in the place of its observer, and acts once at the n-th frame of a burst or of a poll. */
class Tripwire implements PathObserver {
  readonly #inner: PathObserver | null
  readonly #vif: GuestVif
  readonly #origin: 'burst' | 'poll'
  readonly #act: () => void
  #left: number

  constructor(vif: GuestVif, origin: 'burst' | 'poll', after: number, act: () => void) {
    this.#vif = vif
    this.#origin = origin
    this.#left = after
    this.#act = act
    this.#inner = vif.vif.queues[0].observer
    vif.vif.queues[0].observer = this
  }

  sent(frame: Frame, path: 'slow' | 'fast'): void {
    this.#inner?.sent(frame, path)
    if (this.#origin === 'burst') this.#count()
  }

  received(frame: Frame, path: 'slow' | 'fast'): void {
    this.#inner?.received(frame, path)
    if (this.#origin === 'poll') this.#count()
  }

  /** True once it has acted. */
  look(): boolean {
    return this.#left <= 0
  }

  remove(): void {
    this.#vif.vif.queues[0].observer = this.#inner
  }

  #count(): void {
    this.#left -= 1
    if (this.#left === 0) this.#act()
  }
}

/** An address for generated traffic: the last byte of the MAC is the host's number. */
function addressOf(vif: GuestVif): Address {
  const last = Number.parseInt(vif.mac.slice(-2), 16)
  return { mac: vif.mac, ip: `10.0.0.${last}` }
}

/** Two hosts joined by a wire, a guest on each whose vif asks for the accelerator of its NIC. */
export function twoHosts(accel = 'eth0'): WorldValue {
  const host = (nic: string, guest: string) => ({
    nics: { eth0: { mac: nic } },
    guests: { guest1: { vifs: { vif0: { mac: guest, accel } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  return {
    hosts: {
      a: host('00:0f:53:00:00:0a', '00:16:3e:00:00:01'),
      b: host('00:0f:53:00:00:0b', '00:16:3e:00:00:02'),
    },
    wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
  }
}
