// The pair on its own hardware, in worlds with real drivers: nothing of core, netfront or netback is changed for it.
import { fileURLToPath } from 'node:url'
import { build, startTraffic, switchingTrial, twoHosts, type World, type WorldValue } from '@netaccel/host'
import { describe, expect, it } from 'vitest'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))
const SOLARFLARE = fileURLToPath(new URL('../../accel-solarflare-sim', import.meta.url))
const ENDS = ['a.guest1.vif0', 'b.guest1.vif0'] as const
const CYCLES = process.env['NETACCEL_TIER'] === 'soak' ? 1000 : 10
const MS = 1_000_000

/** Two hosts joined by a wire; those named have a NIC of ours. */
function world(...ours: readonly string[]): WorldValue {
  const value = twoHosts()
  const hosts = Object.entries(value.hosts).map(([name, host]) => {
    const mac = host.nics?.['eth0'].mac ?? ''
    return [name, ours.includes(name) ? { ...host, nics: { eth0: { kind: FOLDER, mac } } } : host]
  })
  return { ...value, hosts: Object.fromEntries(hosts) as WorldValue['hosts'] }
}

async function finish(built: World, traffic: ReturnType<typeof startTraffic>): Promise<void> {
  await traffic.stop()
  await built.drain()
  const verdict = built.judge()
  expect([verdict.verdict, verdict.reasons]).toEqual(['nothing lost', []])
}

describe('a pair of queues per guest', () => {
  it('takes frames both ways while attached, gives all of them back, and loses nothing', async () => {
    const built = await build(world('a', 'b'))
    const before = built.resources()
    const traffic = startTraffic(built, ...ENDS, { burst: 32, gapNs: 50_000 })
    await built.run({ for: 2 * MS })
    await built.load(FOLDER)
    expect(built.vifs.map(({ phase }) => phase)).toEqual(['active', 'active'])
    await built.run({ for: 20 * MS })
    for (const { tx, rx } of built.status().vifs) {
      expect(tx.fast.frames).toBeGreaterThan(500)
      // All that comes for the address comes by the queues.
      expect(rx.fast.frames).toBeGreaterThan(500)
    }
    await built.unload('vmdq')
    expect(built.vifs.map(({ phase }) => phase)).toEqual(['none', 'none'])
    await built.run({ for: 2 * MS })
    await finish(built, traffic)
    expect(built.resources()).toEqual(before)
    await built.close()
  })

  it('stands beside another vendor at the other end of the wire', async () => {
    const built = await build(world('a'))
    const traffic = startTraffic(built, ...ENDS, { burst: 32, gapNs: 50_000 })
    await built.load(FOLDER)
    await built.load(SOLARFLARE)
    await built.run({ for: 20 * MS })
    for (const { tx, rx } of built.status().vifs)
      expect([tx.fast.frames > 300, rx.fast.frames > 300]).toEqual([true, true])
    await finish(built, traffic)
    await built.close()
  })

  it('loses, doubles and overtakes nothing over loads and unloads at any instant', async () => {
    const report = await switchingTrial({ world: world('a', 'b'), plugin: FOLDER, cycles: CYCLES, seed: 1 })
    expect([report.verdict.verdict, report.verdict.reasons]).toEqual(['nothing lost', []])
    expect(report.segments.fast).toBeGreaterThan(20 * CYCLES)
    expect(report.left).toEqual({})
  })
})
