// Multi-queue: what the two ends agree on (Xen public/io/netif.h, xenvif_connect, xennet_create_queues), and that every
// queue then carries.
import { Random } from '@netaccel/packet'
import { settle } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { defaultMix, makeFlows } from '../traffic/flows.js'
import { VirtualStack } from '../traffic/virtual-stack.js'
import type { DriverValue, WorldValue } from '../value/world-value.js'

const MACS = ['00:16:3e:00:00:01', '00:16:3e:00:00:02'] as const

interface Asked {
  readonly driver?: DriverValue
  readonly queues?: readonly [number | undefined, number | undefined]
  readonly vcpus?: number
}

function worldOf({ driver = {}, queues = [1, 1], vcpus = 1 }: Asked): WorldValue {
  const guest = (mac: string, count: number | undefined) => ({
    vcpus,
    vifs: { vif0: { mac, ...(count === undefined ? {} : { queues: count }) } },
  })
  const guests = { guest1: guest(MACS[0], queues[0]), guest2: guest(MACS[1], queues[1]) }
  const links = ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge']
  return { hosts: { a: { driver, guests, links } } }
}

/** Keys of the frontend's directory that are about queues, as paths below it. */
async function queueKeys(world: World, guest: string): Promise<readonly string[]> {
  const { store } = world.host('a').driver
  const { nodename } = world.vif(`a.${guest}.vif0`).vif.device
  const { id } = world.vif(`a.${guest}.vif0`).vif.domain
  const root = `/local/domain/${id}/${nodename}`
  const top = await store.directory(root)
  const below = await Promise.all(
    top
      .filter((key) => key.startsWith('queue-'))
      .map(async (key) => (await store.directory(`${root}/${key}`)).map((name) => `${key}/${name}`)),
  )
  return [...top.filter((key) => /ring|event|multi-queue/.test(key)), ...below.flat()].toSorted()
}

const FLAT = ['event-channel-rx', 'event-channel-tx', 'rx-ring-ref', 'tx-ring-ref']

describe('multi-queue negotiation', () => {
  it('each end asks for no more than the other has, and the queues of several stand in directories', async () => {
    const world = await build(worldOf({ driver: { queues: 3 }, queues: [4, 2] }))
    expect(world.vif('a.guest1.vif0').vif.queueCount).toBe(3)
    expect(world.vif('a.guest2.vif0').vif.queueCount).toBe(2)
    expect(world.host('a').netback.vifs.map((vif) => vif.queueCount)).toEqual([3, 2])
    expect(await settle(world.timeline, queueKeys(world, 'guest1'))).toEqual([
      'multi-queue-num-queues',
      ...[0, 1, 2].flatMap((queue) => FLAT.map((key) => `queue-${queue}/${key}`)),
    ])
    await world.close()
  })

  it('the keys of a single queue are flat, and their number is told', async () => {
    const world = await build(worldOf({ driver: { queues: 8 } }))
    const keys = [...FLAT, 'multi-queue-num-queues'].toSorted()
    expect(await settle(world.timeline, queueKeys(world, 'guest1'))).toEqual(keys)
    await world.close()
  })

  it('without a setting there are as many queues as virtual CPUs at either end, and at most 8', async () => {
    const world = await build(worldOf({ driver: { vcpus: 12 }, queues: [undefined, undefined], vcpus: 10 }))
    expect(world.vif('a.guest1.vif0').vif.queueCount).toBe(8)
    await world.close()
    const few = await build(worldOf({ driver: { vcpus: 12 }, queues: [undefined, 1], vcpus: 2 }))
    expect(few.vif('a.guest1.vif0').vif.queueCount).toBe(2)
    await few.close()
  })
})

describe.each([
  ['4 queues to 2', { driver: { queues: 4 }, queues: [4, 2] }],
  ['8 to 8 on several virtual CPUs', { driver: { queues: 8, vcpus: 3 }, queues: [8, 8], vcpus: 4 }],
] as const satisfies readonly (readonly [string, Asked])[])('%s', (_name, asked) => {
  it('every queue carries, everything arrives once and each flow in order', async () => {
    const world = await build(worldOf(asked))
    const random = new Random(1)
    const ends = MACS.map((mac, index) => ({ mac, ip: `10.0.0.${index + 1}` }))
    const stacks = ['a.guest1.vif0', 'a.guest2.vif0'].map((path, index) => {
      const vif = world.vif(path)
      const stack = new VirtualStack(vif, vif.engine, random.fork(path))
      const flows = makeFlows(ends[index], ends[1 - index], 40, defaultMix, random.fork(`flows ${path}`))
      stack.start(flows, { burst: 16, gapNs: 50_000 })
      return stack
    })
    await world.run({ for: 5_000_000 })
    for (const stack of stacks) stack.stop()
    await world.run({ for: 20_000_000 })
    expect(world.oracle?.verdict()).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
    for (const vif of world.host('a').netback.vifs) {
      expect(vif.queueCount).toBeGreaterThan(1)
      for (const { counters } of vif.queues) {
        expect(counters.rx_packets).toBeGreaterThan(0)
        expect(counters.tx_packets).toBeGreaterThan(0)
      }
    }
    await world.close()
  })
})

/** A queue's references: one for each slot of two rings, and one for each ring's page. */
const QUEUE_GRANTS = 2 * 256 + 2

describe('a guest whose grant references run short', () => {
  it.each([
    [3, 3 * QUEUE_GRANTS + 100],
    [1, QUEUE_GRANTS],
  ])('goes on with the %i queues that it can make', async (queues, left) => {
    const { world, vif, spare } = await shortOfGrants(left)
    expect(vif().queueCount).toBe(queues)
    expect(vif().state).toBe('connected')
    expect(world.host('a').netback.vif(vif().domain.id, 1)?.queueCount).toBe(queues)
    for (const ref of spare) vif().domain.grants.release(ref)
    await world.close()
  })

  it('tells of it when there is not one', async () => {
    const { world, vif, spare } = await shortOfGrants(QUEUE_GRANTS - 1)
    expect(vif().state).toBe('waiting')
    expect(vif().device.failure).toContain('grant reference')
    for (const ref of spare) vif().domain.grants.release(ref)
    await world.close()
  })
})

/** A second device is plugged into a guest that has so many references left. */
async function shortOfGrants(left: number) {
  const world = await build(worldOf({ driver: { queues: 4 } }))
  const guest = world.host('a').guests.get('guest1')
  if (guest === undefined) throw new Error('there is no guest1')
  const { grants } = guest.domain
  const spare: number[] = []
  for (let ref = grants.tryClaim(); ref >= 0; ref = grants.tryClaim()) spare.push(ref)
  for (const ref of spare.splice(0, left)) grants.release(ref)
  await settle(world.timeline, guest.plug('vif1', { mac: '00:16:3e:00:00:03', queues: 4 }))
  await world.run({ for: 20_000_000 })
  const vif = () => world.vif('a.guest1.vif1').vif
  return { world, vif, spare }
}
