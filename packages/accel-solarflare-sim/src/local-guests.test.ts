// Two guests of one host, each with a VI of the same NIC: they reach each other by its switch, past the bridge.
import { readPlugin } from '@netaccel/core'
import type { GuestVif, World, WorldValue } from '@netaccel/host'
import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { GUEST_A, GUEST_B } from './testing/local-sender.js'
import { Numbered } from './testing/numbered.js'
import { FOLDER, MIXED, TwoHosts } from './testing/two-hosts.js'

/** Both guests on host a; host b is only the other end of the wire, and must never hear of them. */
function oneHost(seed: number): WorldValue {
  const guest = (mac: string) => ({ vifs: { vif0: { mac, accel: 'eth0' } } })
  return {
    seed,
    hosts: {
      a: {
        memory: 64,
        nics: { eth0: { mac: '00:0f:53:00:00:0a' } },
        guests: { guest1: guest(GUEST_A.mac), guest2: guest(GUEST_B.mac) },
        links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge', 'eth0 -> bridge'],
      },
      b: { nics: { eth0: { mac: '00:0f:53:00:00:0b' } }, links: ['eth0 -> bridge'] },
    },
    wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
  }
}

const frontendOf = (pair: TwoHosts, guest: string) => {
  const found = pair.world.host('a').guests.get(guest)
  if (found === undefined) throw new Error(`no ${guest}`)
  return found.plugins.loader
}

it('TX-11: two guests of one host reach each other by their VIs; one leaves under traffic and nothing is lost or overtaken', async () => {
  const pair = await TwoHosts.make(oneHost(5))
  const statistics = () => pair.world.nic('a.eth0').device.statistics()
  pair.start(8)
  await pair.for(5)
  // What the bridge floods until it has learnt both.
  const flooded = statistics().txPackets
  await pair.load()
  await pair.for(20)
  const from = pair.counts()
  await pair.for(20)
  expect(pair.fastShare(from)).toBeGreaterThan(0.95)
  expect(statistics().switchViPackets).toBeGreaterThan(1000)
  await pair.world.drive(frontendOf(pair, 'guest2').unload('sfc_netfront', 'frontend'))
  expect(pair.phases()).toEqual(['active', 'requested'])
  const alone = pair.counts()
  await pair.for(20)
  // The other's evidence has ended with the VI that it spoke of.
  expect(pair.fastShare(alone)).toBe(0)
  expect(statistics().txPackets).toBe(flooded)
  expect(await pair.settle()).toEqual([])
  await pair.world.close()
})

/** Takes a part of netback away, on every queue of host a. */
function without(world: World, part: 'written' | 'beforeForward'): void {
  for (const { queues } of world.host('a').netback.vifs)
    for (const queue of queues) Object.defineProperty(queue, part, { get: () => null, set: () => undefined })
}

interface Late {
  /** Whoever has the earlier frame in hand: up to a millisecond, six times a cycle. */
  readonly who: (world: World) => Pick<GuestVif['engine'], 'charge'>
  readonly start: (pair: TwoHosts) => void
  readonly lacking?: 'written' | 'beforeForward'
}

/** Either guest's half leaves and comes again, while somebody is late: how many segments were overtaken. */
async function overtaken({ who, start, lacking }: Late): Promise<number> {
  const pair = await TwoHosts.make(oneHost(3))
  if (lacking !== undefined) without(pair.world, lacking)
  await pair.loadWith({ backend: { replacement: 'random', leastIdle: 0, tx: 64 } })
  const half = readPlugin(FOLDER)
  const random = new Random(3)
  start(pair)
  const reordered = () => pair.world.oracle?.verdict().reordered ?? 0
  const sound = process.env['NETACCEL_TIER'] === 'soak' ? 500 : 8
  // A lack is looked for until it shows.
  for (let cycle = 0; cycle < (lacking === undefined ? sound : 40) && reordered() === 0; cycle++) {
    for (let i = 0; i < 6; i++) {
      who(pair.world).charge('notification', 1 + random.below(4000))
      await pair.for(0.5)
    }
    const loader = frontendOf(pair, cycle % 2 === 0 ? 'guest1' : 'guest2')
    await pair.world.drive(loader.unload('sfc_netfront', 'frontend'))
    await pair.for(1)
    await pair.world.drive(loader.load(half, 'frontend'))
  }
  await pair.settle()
  const { switchViPackets, switchHostPackets } = pair.world.nic('a.eth0').device.statistics()
  expect(switchViPackets + switchHostPackets).toBeGreaterThan(100)
  expect(pair.world.oracle?.verdict().doubled).toBe(0)
  await pair.world.close()
  return reordered()
}

/** Flows both ways of which every 40th frame is declined. */
function withOddOnes({ stacks }: TwoHosts): void {
  for (const [i, stack] of stacks.entries()) {
    const flows = Array.from({ length: 16 }, (_, port) => new Numbered(7000 + port, i + 1, 40))
    stack.start(flows, { burst: 8, gapNs: 20_000 })
  }
}

describe('between two guests of one host, a frame of the ring', () => {
  const inItsRing: Late = {
    who: (world) => world.vif('a.guest2.vif0').engine,
    start: withOddOnes,
  }
  const behindTheSwitch: Late = {
    who: (world) => world.host('a').driver.engine,
    start: (pair) => pair.start(32, MIXED, 40_000),
  }

  it('is not overtaken by the VI while it stands in the ring of a receiver that is late', async () => {
    expect(await overtaken(inItsRing)).toBe(0)
    expect(await overtaken({ ...inItsRing, lacking: 'written' })).toBeGreaterThan(0)
  })

  it('does not overtake what the switch has given to a driver domain that is late', async () => {
    expect(await overtaken(behindTheSwitch)).toBe(0)
    expect(await overtaken({ ...behindTheSwitch, lacking: 'beforeForward' })).toBeGreaterThan(0)
  })
})
