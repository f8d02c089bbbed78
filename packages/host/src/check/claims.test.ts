// What we claim of virtual time, with the default cost table, with one half and with twice as large. A claim that holds
// with one table only is a claim about that table.
import { fileURLToPath } from 'node:url'
import { defaultCosts, scaleCosts } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { startTraffic, type Traffic } from '../traffic/start-traffic.js'
import type { WorldValue } from '../value/world-value.js'

const MS = 1_000_000
const PLUGIN = fileURLToPath(new URL('../../../accel-solarflare-sim', import.meta.url))
const PATHS = ['a.guest1.vif0', 'b.guest1.vif0'] as const
const MIX = { tcp: 0.8, tcp6: 0, udp: 0.2, icmp: 0, arp: 0 }

function wired(factor: number): WorldValue {
  const host = (nic: string, mac: string) => ({
    nics: { eth0: { mac: nic } },
    guests: { guest1: { vifs: { vif0: { mac, accel: 'eth0' } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  return {
    costs: scaleCosts(defaultCosts, factor),
    hosts: {
      a: host('00:0f:53:00:00:0a', '00:16:3e:00:00:01'),
      b: host('00:0f:53:00:00:0b', '00:16:3e:00:00:02'),
    },
    wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
  }
}

/** 10 ms of traffic: the share of it that went fast, and what a segment that arrived cost the driver domains, in ns. */
interface Sample {
  readonly fastShare: number
  readonly driverNs: number
}

async function sample(world: World, traffic: Traffic): Promise<Sample> {
  const hosts = [...world.hosts.values()]
  const busy = () => hosts.reduce((sum, { driver }) => sum + driver.engine.busyNs, 0)
  const count = (path: 'slow' | 'fast') =>
    world.status().vifs.reduce((sum, { tx, rx }) => sum + tx[path].segments + rx[path].segments, 0)
  const now = () => [busy(), traffic.received, count('slow'), count('fast')]
  const from = now()
  await world.run({ for: 10 * MS })
  const [driver, arrived, slow, fast] = now().map((value, i) => value - from[i])
  return { fastShare: fast / (slow + fast), driverNs: driver / arrived }
}

describe.each([0.5, 1, 2])('with costs times %d', (factor) => {
  it('nothing is lost, the fast path carries 90 %, and the driver domain is relieved of four fifths of its work', async () => {
    const world = await build(wired(factor))
    const traffic = startTraffic(world, ...PATHS, { mix: MIX })
    await world.run({ for: 5 * MS })
    const slow = await sample(world, traffic)
    await world.load(PLUGIN)
    await world.run({ for: 10 * MS })
    const fast = await sample(world, traffic)
    await world.unload('sfc_netfront')
    await world.run({ for: 5 * MS })
    const after = await sample(world, traffic)
    await traffic.stop()
    await world.drain()

    expect(world.judge()).toMatchObject({ verdict: 'nothing lost', oracle: { missing: 0, doubled: 0 } })
    expect([slow.fastShare, after.fastShare]).toEqual([0, 0])
    expect(fast.fastShare).toBeGreaterThan(0.9)
    expect(fast.driverNs).toBeLessThan(slow.driverNs / 5)
    expect(after.driverNs).toBeGreaterThan(slow.driverNs / 2)
    await world.close()
  })
})
