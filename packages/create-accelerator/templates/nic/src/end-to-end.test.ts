// The plugin in a world of two hosts with real drivers and virtual time, each with a NIC of ours. What is loaded is the
// artefacts in dist, so build first (`npm test` does).
import { fileURLToPath } from 'node:url'
import { build, startTraffic, switchingTrial, twoHosts } from '@netaccel/host'
import type { WorldValue } from '@netaccel/host'
import { describe, expect, it } from 'vitest'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))
const MS = 1_000_000

/** The package is named as the kind of both NICs. */
function world(): WorldValue {
  const value = twoHosts()
  const hosts = Object.entries(value.hosts).map(([name, host]) => {
    const mac = host.nics?.['eth0'].mac ?? ''
    return [name, { ...host, nics: { eth0: { kind: FOLDER, mac } } }]
  })
  return { ...value, hosts: Object.fromEntries(hosts) as WorldValue['hosts'] }
}

describe('the plugin on its own hardware', () => {
  it('carries frames both ways while it is loaded, gives everything back, and loses nothing', async () => {
    const built = await build(world())
    const before = built.resources()
    const mix = { tcp: 0, tcp6: 0, udp: 0.6, short: 0.4, icmp: 0, arp: 0 }
    const traffic = startTraffic(built, 'a.guest1.vif0', 'b.guest1.vif0', {
      flows: 8,
      mix,
      burst: 16,
      gapNs: 50_000,
    })
    await built.run({ for: 2 * MS })
    await built.load(FOLDER)
    expect(built.vifs.map(({ phase }) => phase)).toEqual(['active', 'active'])
    await built.run({ for: 10 * MS })
    for (const { tx, rx } of built.status().vifs) {
      expect(tx.fast.frames).toBeGreaterThan(100)
      expect(rx.fast.frames).toBeGreaterThan(100)
    }
    await built.unload('__PLUGIN__')
    await traffic.stop()
    await built.drain()
    expect([built.judge().verdict, built.judge().reasons]).toEqual(['nothing lost', []])
    expect(built.resources()).toEqual(before)
    await built.close()
  })

  it('loses, doubles and overtakes nothing when it comes and goes under load', async () => {
    const report = await switchingTrial({ world: world(), plugin: FOLDER, cycles: 4, seed: 1 })
    expect([report.verdict.verdict, report.verdict.reasons]).toEqual(['nothing lost', []])
    expect(report.segments.fast).toBeGreaterThan(0)
    expect(report.left).toEqual({})
  })
})
