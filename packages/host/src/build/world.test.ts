import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { defaultMix, makeFlows } from '../traffic/flows.js'
import { VirtualStack } from '../traffic/virtual-stack.js'
import type { WorldValue } from '../value/world-value.js'
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
