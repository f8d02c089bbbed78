// The plugin in a world with real drivers and virtual time: two guests of one host, on one bridge. What is loaded is the
// artefacts in dist, so build first (`npm test` does).
import { fileURLToPath } from 'node:url'
import { build, startTraffic } from '@netaccel/host'
import type { WorldValue } from '@netaccel/host'
import { describe, expect, it } from 'vitest'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))
const MS = 1_000_000

/** Both guests ask for the plugin by its name: it needs no NIC. */
function world(): WorldValue {
  const guest = (mac: string) => ({ vifs: { vif0: { mac, accel: '__PLUGIN__' } } })
  return {
    hosts: {
      a: {
        nics: { eth0: { mac: '00:0f:53:00:00:0a' } },
        guests: { guest1: guest('00:16:3e:00:00:01'), guest2: guest('00:16:3e:00:00:02') },
        links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge', 'eth0 -> bridge'],
      },
    },
  }
}

describe('the plugin', () => {
  it('changes nothing: every frame goes by the ring, none is lost, and nothing is left behind', async () => {
    const built = await build(world())
    const before = built.resources()
    const mix = { tcp: 0, tcp6: 0, udp: 0.6, short: 0.4, icmp: 0, arp: 0 }
    const traffic = startTraffic(built, 'a.guest1.vif0', 'a.guest2.vif0', {
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
      expect([tx.fast.frames, rx.fast.frames]).toEqual([0, 0])
      expect(tx.slow.frames).toBeGreaterThan(100)
    }
    await built.unload('__PLUGIN__')
    await traffic.stop()
    await built.drain()
    expect([built.judge().verdict, built.judge().reasons]).toEqual(['nothing lost', []])
    expect(built.resources()).toEqual(before)
    await built.close()
  })
})
