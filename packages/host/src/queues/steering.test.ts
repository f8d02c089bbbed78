// A guest says by its control ring which queue a hash goes by, under traffic: no flow overtakes itself, and the two ends
// choose their queues by different hashes without harm.
import { MICROSOFT_RSS_KEY, Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { settle } from '@netaccel/xen'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { makeFlows } from '../traffic/flows.js'
import { VirtualStack } from '../traffic/virtual-stack.js'

const MACS = ['00:16:3e:00:00:01', '00:16:3e:00:00:02'] as const
const PATHS = ['a.guest1.vif0', 'a.guest2.vif0'] as const
const KEY = [...MICROSOFT_RSS_KEY]
/** Frames of one slot, many at once: they stand in every queue when the table changes. */
const SMALL = { tcp: 0.3, tcp6: 0, udp: 0.7, icmp: 0, arp: 0 }

/** Two guests of 4 queues and as many virtual CPUs; the second has said how it is to be sent to. */
function made(mapping?: readonly number[]): Promise<World> {
  const guest = (mac: string, hash?: object) => ({ vcpus: 4, vifs: { vif0: { mac, ...hash } } })
  const hash = { key: KEY, ...(mapping === undefined ? {} : { mapping }) }
  return build({
    hosts: {
      a: {
        driver: { vcpus: 4 },
        guests: { guest1: guest(MACS[0]), guest2: guest(MACS[1], { hash }) },
        links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'],
      },
    },
  })
}

function traffic(world: World, gapNs: number): readonly VirtualStack[] {
  const random = new Random(7)
  const ends = MACS.map((mac, index) => ({ mac, ip: `10.0.0.${index + 1}` }))
  return PATHS.map((path, index) => {
    const vif = world.vif(path)
    const stack = new VirtualStack(vif, vif.engine, random.fork(path))
    const flows = makeFlows(ends[index], ends[1 - index], 40, SMALL, random.fork(`flows ${path}`))
    stack.start(flows, { burst: 16, gapNs })
    return stack
  })
}

/** Frames that each queue of the second guest has been sent. */
function received(world: World): readonly number[] {
  const { domain, handle } = world.vif(PATHS[1]).vif
  return (world.host('a').netback.vif(domain.id, handle)?.queues ?? []).map(
    ({ counters }) => counters.tx_packets,
  )
}

describe('Toeplitz and the mapping table, over a control ring', () => {
  it('a setting of the host value is in force when the guests are connected, and sends by the table', async () => {
    const world = await made([2, 2, 3])
    await world.run({ for: 1_000_000 })
    expect(world.vif(PATHS[1]).vif.control).toMatchObject({ hashed: true, refusal: null })
    const stacks = traffic(world, 50_000)
    await world.run({ for: 3_000_000 })
    for (const stack of stacks) stack.stop()
    await world.run({ for: 10_000_000 })
    const queues = received(world)
    expect(queues.map((frames) => frames > 0)).toEqual([false, false, true, true])
    expect(world.oracle?.verdict()).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
    await world.close()
  })

  it('the frontend’s API reads what can be set, and is refused what Linux refuses', async () => {
    const world = await made()
    await world.run({ for: 1_000_000 })
    const hash = world.vif(PATHS[1]).vif.control?.hash
    if (hash === undefined) throw new Error('there is no control ring')
    const ask = <T>(work: Promise<T>): Promise<T> => settle(world.timeline, work)
    expect(await ask(hash.types())).toBe(15)
    expect(await ask(hash.mostMapping())).toBe(128)
    await expect(ask(hash.setMappingSize(129))).rejects.toMatchObject({ code: 'REFUSED' })
    await expect(ask(hash.setKey(Array.from({ length: 41 }, () => 1)))).rejects.toMatchObject({
      code: 'REFUSED',
    })
    await expect(ask(hash.setKey(Array.from({ length: 5000 }, () => 1)))).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
    })
    await ask(hash.setAlgorithm('none'))
    await expect(ask(hash.types())).rejects.toMatchObject({ code: 'REFUSED' })
    expect(world.vif(PATHS[0]).vif.control).toBeNull()
    await world.close()
  })

  it('a table that changes under traffic 40 times reorders no flow', async () => {
    const world = await made([0, 1, 2, 3])
    await world.run({ for: 1_000_000 })
    const hash = world.vif(PATHS[1]).vif.control?.hash
    if (hash === undefined) throw new Error('there is no control ring')
    const stacks = traffic(world, 40_000)
    for (let turn = 0; turn < 40; turn++) {
      await world.run({ for: 100_000 })
      await settle(
        world.timeline,
        hash.setMapping(
          [turn, turn + 1, turn + 2, turn + 3].map((queue) => queue & 3),
          0,
        ),
      )
    }
    for (const stack of stacks) stack.stop()
    await world.run({ for: 20_000_000 })
    const back = world.host('a').netback.vif(world.vif(PATHS[1]).vif.domain.id, 0)
    expect(back?.steeringOverruns).toBe(0)
    expect(world.oracle?.verdict()).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
    await world.close()
  })
})
