import { fileURLToPath } from 'node:url'
import { build, defaultMix, makeFlows, VirtualStack } from '@netaccel/host'
import type { World, WorldValue } from '@netaccel/host'
import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))
const MS = 1_000_000
const ONE = { mac: '00:16:3e:00:00:01', ip: '10.0.0.1' }
const TWO = { mac: '00:16:3e:00:00:02', ip: '10.0.0.2' }

/** Two guests of one host; `accel`: the port that their vifs name. */
function world(accel: string): WorldValue {
  const guest = (mac: string) => ({ vifs: { vif0: { mac, accel } } })
  return {
    hosts: {
      a: {
        nics: { eth0: { mac: '00:0f:53:00:00:0a' } },
        guests: { guest1: guest(ONE.mac), guest2: guest(TWO.mac) },
        links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge', 'eth0 -> bridge'],
      },
    },
  }
}

function traffic(built: World): VirtualStack[] {
  const random = new Random(1)
  const [one, two] = ['a.guest1.vif0', 'a.guest2.vif0'].map((path) => {
    const vif = built.vif(path)
    return new VirtualStack(vif, vif.engine, random.fork(path))
  })
  one.start(makeFlows(ONE, TWO, 10, defaultMix, random.fork('there')), { burst: 16, gapNs: 100_000 })
  two.start(makeFlows(TWO, ONE, 10, defaultMix, random.fork('back')), { burst: 16, gapNs: 100_000 })
  return [one, two]
}

describe.each([
  ['a NIC', 'eth0'],
  ['no hardware at all, by its own name', 'dummy'],
])('attached over %s', (_what, accel) => {
  it('carries nothing, changes nothing, loses nothing, and leaves nothing behind', async () => {
    const built = await build(world(accel))
    const before = built.resources()
    const stacks = traffic(built)
    for (let cycle = 0; cycle < 5; cycle++) {
      await built.run({ for: 2 * MS })
      await built.load(FOLDER)
      expect(built.vifs.map(({ phase }) => phase)).toEqual(['active', 'active'])
      await built.run({ for: 5 * MS })
      await built.unload('dummy')
    }
    for (const stack of stacks) stack.stop()
    await built.run({ for: 20 * MS })
    expect(await built.drain()).toBe(true)
    expect(built.judge().reasons).toEqual([])
    expect(built.oracle?.verdict()).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
    for (const { tx, rx } of built.status().vifs) {
      expect([tx.fast.frames, rx.fast.frames]).toEqual([0, 0])
      expect(tx.slow.frames).toBeGreaterThan(100)
    }
    expect(built.resources()).toEqual(before)
    await built.close()
  })
})
