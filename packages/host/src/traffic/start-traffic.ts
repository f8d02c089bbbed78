import { Random } from '@netaccel/packet'
import type { World } from '../build/world.js'
import { type Address, defaultMix, makeFlows, type Mix } from './flows.js'
import { VirtualStack } from './virtual-stack.js'

export interface TrafficOptions {
  /** Flows each way. Default 8. */
  readonly flows?: number
  /** Default {@link defaultMix}. */
  readonly mix?: Mix
  /** Bursts of 1 to `burst` frames, `gapNs` apart on average. Defaults 16 and 100,000. */
  readonly burst?: number
  readonly gapNs?: number
}

/** Generated traffic between two guests, both ways, until it is stopped. Made by {@link startTraffic}. */
export class Traffic {
  readonly stacks: readonly VirtualStack[]
  readonly #world: World

  constructor(world: World, stacks: readonly VirtualStack[]) {
    this.#world = world
    this.stacks = stacks
  }

  /** Wire segments that the devices took, and that arrived. */
  get sent(): number {
    return this.stacks.reduce((sum, stack) => sum + stack.sent, 0)
  }

  get received(): number {
    return this.stacks.reduce((sum, stack) => sum + stack.received, 0)
  }

  /**
   * No new frames from here; settles when the devices have taken what was made already, at most a virtual second
   * later. `world.drain()` then waits for what is under way.
   */
  async stop(): Promise<void> {
    for (const stack of this.stacks) stack.stop()
    await this.#world.run({ for: PATIENCE_NS, until: () => this.stacks.every((stack) => stack.idle) })
  }
}

const PATIENCE_NS = 1_000_000_000

/**
 * Start generated traffic between two guests' devices, by their paths in the world (`a.guest1.vif0`). Addresses and
 * chances follow from the world's value: the same value makes the same traffic. It flows while the world runs.
 * @throws HostError NO_SUCH_PART
 */
export function startTraffic(world: World, one: string, two: string, options: TrafficOptions = {}): Traffic {
  const { flows = 8, mix = defaultMix, burst = 16, gapNs = 100_000 } = options
  const random = new Random(`${world.value.seed ?? 1}/${one}/${two}`)
  const ends = [one, two].map((path) => {
    const vif = world.vif(path)
    return { address: addressOf(world, path), stack: new VirtualStack(vif, vif.engine, random.fork(path)) }
  })
  const [near, far] = ends
  near.stack.start(makeFlows(near.address, far.address, flows, mix, random.fork('there')), { burst, gapNs })
  far.stack.start(makeFlows(far.address, near.address, flows, mix, random.fork('back')), { burst, gapNs })
  return new Traffic(
    world,
    ends.map(({ stack }) => stack),
  )
}

/** The address that a generated stack uses: the vif's MAC, and an IP address by its place in the world. */
export function addressOf(world: World, path: string): Address {
  const { mac } = world.vif(path)
  const place = 1 + world.vifs.findIndex((vif) => vif.path === path)
  return { mac, ip: `10.0.${place >> 8}.${place & 255}` }
}
