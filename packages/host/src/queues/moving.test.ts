// A guest of several queues and virtual CPUs moves between hosts whose backends offer it more and fewer.
import { Random } from '@netaccel/packet'
import { expect, it } from 'vitest'
import { build } from '../build/build.js'
import { defaultMix, makeFlows } from '../traffic/flows.js'
import { VirtualStack } from '../traffic/virtual-stack.js'

const MACS = ['00:16:3e:00:00:01', '00:16:3e:00:00:02'] as const

it('takes as many queues as each host offers, and carries by all of them', async () => {
  const nics = (at: string) => ({ eth0: { mac: `00:0f:53:00:00:0${at}` } })
  const world = await build({
    hosts: {
      a: {
        memory: 160,
        driver: { vcpus: 2, queues: 4, memory: 32 },
        nics: nics('a'),
        guests: { guest1: { vcpus: 4, vifs: { vif0: { mac: MACS[0] } } } },
        links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
      },
      b: {
        memory: 160,
        driver: { vcpus: 2, memory: 32 },
        nics: nics('b'),
        guests: { guest2: { vifs: { vif0: { mac: MACS[1] } } } },
        links: ['guest2.vif0 -> bridge', 'eth0 -> bridge'],
      },
    },
    wires: ['a.eth0 -> b.eth0'],
  })
  const [mover, other] = [world.vif('a.guest1.vif0'), world.vif('b.guest2.vif0')]
  const random = new Random(5)
  const stacks = [mover, other].map((vif) => new VirtualStack(vif, vif.engine, random.fork(vif.path)))
  const ends = MACS.map((mac, index) => ({ mac, ip: `10.0.0.${index + 1}` }))
  const talk = async (): Promise<void> => {
    for (const [index, stack] of stacks.entries())
      stack.start(makeFlows(ends[index], ends[1 - index], 30, defaultMix, random.fork(`flows ${index}`)), {
        burst: 8,
        gapNs: 60_000,
      })
    await world.run({ for: 3_000_000 })
    for (const stack of stacks) stack.stop()
    await world.run({ for: 10_000_000 })
  }
  for (const [host, queues] of [
    ['a', 4],
    ['b', 2],
    ['a', 4],
  ] as const) {
    if (!world.host(host).guests.has('guest1')) {
      const from = host === 'a' ? 'b.guest1' : 'a.guest1'
      await world.suspend(from)
      await world.resume(from, host)
    }
    const { vif } = world.vif(`${host}.guest1.vif0`)
    expect(vif.queueCount).toBe(queues)
    await talk()
    const back = world.host(host).netback.vif(vif.domain.id, 0)
    expect(back?.queues.map(({ counters }) => counters.rx_packets > 0 && counters.tx_packets > 0)).toEqual(
      Array.from({ length: queues }, () => true),
    )
  }
  expect(world.oracle?.verdict()).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
  await world.close()
})
