// Buffers that are granted for good: what is sent from them needs no grant operation, and arrives as ever.
import { Random } from '@netaccel/packet'
import { expect, it } from 'vitest'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { type Mix, makeFlows } from '../traffic/flows.js'
import { VirtualStack } from '../traffic/virtual-stack.js'

const MACS = ['00:16:3e:00:00:01', '00:16:3e:00:00:02'] as const
const SMALL: Mix = { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 }
const MIXED: Mix = { tcp: 0.6, tcp6: 0.1, udp: 0.3, icmp: 0, arp: 0 }

async function run(mix: Mix, staticGrants: boolean, queues = 1): Promise<World> {
  const guest = (mac: string) => ({ vifs: { vif0: { mac, staticGrants, queues } } })
  const guests = { guest1: guest(MACS[0]), guest2: guest(MACS[1]) }
  const links = ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge']
  const world = await build({ hosts: { a: { driver: { queues }, guests, links } } })
  await world.run({ for: 2_000_000 })
  const random = new Random(3)
  const [from, to] = MACS.map((mac, index) => ({ mac, ip: `10.0.0.${index + 1}` }))
  const vif = world.vif('a.guest1.vif0')
  const stack = new VirtualStack(vif, vif.engine, random.fork('stack'))
  stack.start(makeFlows(from, to, 20, mix, random.fork('flows')), { burst: 16, gapNs: 50_000 })
  await world.run({ for: 4_000_000 })
  stack.stop()
  await world.run({ for: 10_000_000 })
  return world
}

it('frames of one slot cost neither end a grant operation on the way out', async () => {
  const ops = async (staticGrants: boolean): Promise<readonly number[]> => {
    const world = await run(SMALL, staticGrants)
    expect(world.vif('a.guest1.vif0').vif.control?.staticQueues ?? 0).toBe(staticGrants ? 1 : 0)
    expect(world.oracle?.verdict()).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
    const { queues } = world.host('a').netback.vifs.filter(({ mac }) => mac === MACS[0])[0]
    const sent = queues[0].counters.rx_packets
    expect(sent).toBeGreaterThan(500)
    const counts = [world.vif('a.guest1.vif0').engine, world.host('a').driver.engine].map(
      (engine) => engine.charged('grantOp') / sent,
    )
    await world.close()
    return counts
  }
  const [granted, premapped] = [await ops(false), await ops(true)]
  // Permit and end in the guest; a copy in and a copy out in the driver domain, of which the one out stays.
  expect(granted[0]).toBeGreaterThan(2)
  expect(premapped[0]).toBeLessThan(1)
  expect(granted[1] - premapped[1]).toBeGreaterThan(0.5)
})

it('what does not lie in such a page, or in several, is granted beside it; nothing is lost, doubled or reordered', async () => {
  const world = await run(MIXED, true, 2)
  expect(world.vif('a.guest1.vif0').vif.control).toMatchObject({ staticQueues: 2, staticRefusal: null })
  expect(world.oracle?.verdict()).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
  await world.close()
})
