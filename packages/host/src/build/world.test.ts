import { type Frame, parseMac, Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { defaultMix, makeFlows } from '../traffic/flows.js'
import { VirtualStack } from '../traffic/virtual-stack.js'
import type { HostValue, WorldValue } from '../value/world-value.js'
import { build } from './build.js'
import type { World } from './world.js'

const MAC1 = '00:16:3e:00:00:01'
const MAC2 = '00:16:3e:00:00:02'

const local: WorldValue = {
  hosts: {
    a: {
      guests: { guest1: { vifs: { vif0: { mac: MAC1 } } }, guest2: { vifs: { vif0: { mac: MAC2 } } } },
      links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'],
    },
  },
}

const wired: WorldValue = {
  hosts: {
    a: {
      nics: { eth0: { mac: '00:0f:53:00:00:0a' } },
      guests: { guest1: { vifs: { vif0: { mac: MAC1 } } } },
      links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
    },
    b: {
      nics: { eth0: { mac: '00:0f:53:00:00:0b' } },
      guests: { guest1: { vifs: { vif0: { mac: MAC2 } } } },
      links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
    },
  },
  wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
}

const A = { mac: MAC1, ip: '10.0.0.1' }
const B = { mac: MAC2, ip: '10.0.0.2' }

function startTraffic(world: World, one: string, two: string): VirtualStack[] {
  const random = new Random(world.value.seed ?? 1)
  const stacks = [one, two].map((path) => {
    const vif = world.vif(path)
    return new VirtualStack(vif, vif.engine, random.fork(path))
  })
  stacks[0].start(makeFlows(A, B, 40, defaultMix, random.fork('ab')), { burst: 16, gapNs: 50_000 })
  stacks[1].start(makeFlows(B, A, 40, defaultMix, random.fork('ba')), { burst: 16, gapNs: 50_000 })
  return stacks
}

describe.each([
  ['two guests of one host', local, 'a.guest1.vif0', 'a.guest2.vif0'],
  ['guests of two hosts joined by a wire', wired, 'a.guest1.vif0', 'b.guest1.vif0'],
])('%s', (_name, value, one, two) => {
  it('exchange everything once and in order', async () => {
    const world = await build(value)
    const stacks = startTraffic(world, one, two)
    await world.run({ for: 20_000_000 })
    for (const stack of stacks) stack.stop()
    await world.run({ for: 20_000_000 })
    const verdict = world.oracle?.verdict()
    expect(verdict).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
    expect(verdict?.left).toBeGreaterThan(5000)
    await world.close()
  })
})

it('a frame that is flooded to two NICs leaves by both, once each, also while both are slow', async () => {
  const far = (mac: string, nic: string): HostValue => ({
    nics: { eth0: { mac: nic } },
    guests: { guest1: { vifs: { vif0: { mac } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  const world = await build({
    hosts: {
      a: {
        nics: { eth0: { mac: '00:0f:53:00:00:0a' }, eth1: { mac: '00:0f:53:00:01:0a' } },
        guests: { guest1: { vifs: { vif0: { mac: MAC1 } } }, guest2: { vifs: { vif0: { mac: MAC2 } } } },
        links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge', 'eth0 -> bridge', 'eth1 -> bridge'],
      },
      b: far('00:16:3e:00:00:03', '00:0f:53:00:00:0b'),
      c: far('00:16:3e:00:00:04', '00:0f:53:00:00:0c'),
    },
    wires: [
      { link: 'a.eth0 -> b.eth0', gbps: 0.1 },
      { link: 'a.eth1 -> c.eth0', gbps: 0.07 },
    ],
  })
  const random = new Random(3)
  const got = new Map<string, number[]>()
  for (const path of ['a.guest2.vif0', 'b.guest1.vif0', 'c.guest1.vif0']) {
    const numbers: number[] = []
    got.set(path, numbers)
    world.vif(path).stack = {
      receive: (frame) => {
        numbers.push(frame.view.getUint32(frame.offset + 14))
        frame.release()
      },
      wake: () => undefined,
    }
  }
  const sender = world.vif('a.guest1.vif0')
  const sent: number[] = []
  let waiting: Frame[] = []
  while (sent.length < 600 || waiting.length > 0) {
    for (let more = random.below(32); more > 0 && sent.length < 600; more--) {
      const frame = sender.take(1000)
      if (frame === undefined) break
      frame.length = 1000
      frame.bytes.fill(0xff, frame.offset, frame.offset + 6)
      frame.bytes.set(parseMac(MAC1), frame.offset + 6)
      frame.view.setUint16(frame.offset + 12, 0x88b5)
      frame.view.setUint32(frame.offset + 14, sent.length)
      sent.push(sent.length)
      waiting.push(frame)
    }
    waiting = waiting.slice(sender.transmit(waiting, waiting.length))
    await world.run({ for: 400_000 })
  }
  expect(await world.drain()).toBe(true)
  expect([...got.values()]).toEqual([sent, sent, sent])
  await world.close()
})

it('the status shows the pages that wait for frames', async () => {
  const world = await build(local)
  const guest = world.host('a').guests.get('guest1')!
  let frames = 1
  const { kept } = guest.plugins.accelerators
  kept.release(guest.domain.extent.allocPages(3), () => frames)
  expect(world.status().pagesOnLoan).toBe(3)
  frames = 0
  kept.settle()
  expect(world.status().pagesOnLoan).toBe(0)
  await world.close()
})

it('a wire is found by its sentence, either way round, and its carrier is set while the world runs', async () => {
  const world = await build(wired)
  const wire = world.wire('b.eth0  ->  a.eth0')
  expect(wire).toBe(world.wire('a.eth0 -> b.eth0'))
  const links = (): boolean[] => [world.nic('a.eth0').driver.link, world.nic('b.eth0').driver.link]
  expect(links()).toEqual([true, true])
  wire.setLink(false)
  expect(links()).toEqual([false, false])
  wire.setLink(true)
  expect(links()).toEqual([true, true])
  const stacks = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0')
  await world.run({ for: 2_000_000 })
  for (const stack of stacks) stack.stop()
  await world.drain()
  expect(world.judge().verdict).toBe('nothing lost')
  expect(() => world.wire('a.eth1 -> b.eth0')).toThrow(
    /There is no wire "a.eth1 -> b.eth0".*a.eth0 -> b.eth0/,
  )
  await world.close()
})
