// A NIC whose hardware is a plugin's own, in a world with one of ours at the other end of the wire.
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { left } from '../check/resources.js'
import { startTraffic } from '../traffic/start-traffic.js'
import { twoHosts } from '../trial/two-hosts.js'
import type { WorldValue } from '../value/world-value.js'
import { build } from './build.js'

const ENDS = ['a.guest1.vif0', 'b.guest1.vif0'] as const
const PLAIN = fileURLToPath(new URL('../../fixtures/plain-nic', import.meta.url))

function plain(options: Record<string, unknown> = {}): WorldValue {
  const value = twoHosts()
  const nic = { kind: PLAIN, mac: '00:0f:53:00:00:0a', options }
  return { ...value, hosts: { ...value.hosts, a: { ...value.hosts['a'], nics: { eth0: nic } } } }
}

describe("a plugin's own hardware", () => {
  it('carries what the bridge gives it and what arrives, cut and summed for it, and loses nothing', async () => {
    const world = await build(plain())
    const traffic = startTraffic(world, ...ENDS)
    await world.run({ for: 20e6 })
    await traffic.stop()
    await world.drain()
    const verdict = world.judge()
    expect([verdict.verdict, verdict.reasons]).toEqual(['nothing lost', []])
    const { count } = world.host('a').hardware.get('eth0')!.wire
    expect([count.txPackets > 1000, count.rxPackets > 1000]).toEqual([true, true])
    await world.close()
  })

  it('that loses frames is found out', async () => {
    const world = await build(plain({ dropEvery: 500 }))
    const traffic = startTraffic(world, ...ENDS)
    await world.run({ for: 20e6 })
    await traffic.stop()
    await world.drain()
    expect(world.judge()).toMatchObject({ verdict: 'lost' })
    await world.close()
  })

  it('leaves nothing when the world is closed, nor when it cannot be loaded', async () => {
    const world = await build(plain())
    const machine = world.host('a').hypervisor
    const before = world.resources()
    expect(left(before, world.resources())).toEqual({})
    await world.close()
    expect(machine.domains.size).toBe(0)
    await expect(build(plain({ buffers: 1e9 }))).rejects.toThrow(/pool/)
    const lacking = {
      ...plain(),
      hosts: { a: { nics: { eth0: { kind: '@me/none', mac: '00:0f:53:00:00:0a' } } } },
    }
    await expect(build({ hosts: lacking.hosts })).rejects.toThrow(
      'The package @me/none is not installed here; install it with npm, or give its folder.',
    )
  })
})
