import { FailDoor } from '@netaccel/core'
import type { DoorFaults } from '@netaccel/core'
import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { MIXED, TCP_ONLY, TwoHosts, twoHosts } from './testing/two-hosts.js'

describe('loaded and unloaded under traffic', () => {
  it('carries more than 90 % of it past the bridge, loses and doubles nothing, and gives everything back', async () => {
    const pair = await TwoHosts.make()
    const before = pair.world.resources()
    pair.start()
    await pair.for(5)
    expect(pair.fastShare()).toBe(0)
    await pair.load()
    await pair.for(5)
    const from = pair.counts()
    await pair.for(20)
    expect(pair.fastShare(from)).toBeGreaterThan(0.9)
    expect(pair.world.status().vis).toBe(2)
    await pair.unload()
    const after = pair.counts()
    await pair.for(5)
    expect(pair.fastShare(after)).toBe(0)
    expect(await pair.settle()).toEqual([])
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })

  it('does so 20 times, with every kind of traffic, at random moments', async () => {
    const pair = await TwoHosts.make(twoHosts(5))
    const before = pair.world.resources()
    const random = new Random(20)
    pair.start(12, MIXED)
    for (let cycle = 0; cycle < 20; cycle++) {
      await pair.for(random.below(3))
      await pair.load()
      await pair.for(random.below(8))
      await pair.unload()
    }
    expect(await pair.settle()).toEqual([])
    expect(pair.fastShare()).toBeGreaterThan(0.1)
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })

  it('copies where the quota or the options want it, with the same result', async () => {
    const pair = await TwoHosts.make(twoHosts(3))
    pair.start(6)
    await pair.loadWith({ frontend: { copy: true } })
    await pair.for(5)
    const from = pair.counts()
    await pair.for(10)
    expect(pair.fastShare(from)).toBeGreaterThan(0.9)
    await pair.unload()
    expect(await pair.settle()).toEqual([])
    await pair.world.close()
  })

  it.each([true, false])('VN-05, VN-06: merges received segments with lro %s', async (lro) => {
    const pair = await TwoHosts.make(twoHosts(6))
    await pair.loadWith({ frontend: { lro, slowStart: 20 } })
    pair.start(6)
    await pair.for(30)
    const { rx, counters } = pair.world.status().vifs[0]
    const { ssr_merges: merges, ssr_bursts: bursts } = counters.frontend
    expect([merges > 1000, bursts > 100]).toEqual([lro, lro])
    expect(rx.fast.segments - rx.fast.frames).toBe(merges)
    expect(await pair.settle()).toEqual([])
    await pair.unload()
    await pair.world.close()
  })

  it('works with the smallest rings', async () => {
    const pair = await TwoHosts.make(twoHosts(4))
    pair.start(6, TCP_ONLY, 30_000)
    await pair.loadWith({ frontend: { receivePages: 32 }, backend: { tx: 64, rx: 64, events: 512 } })
    await pair.for(10)
    await pair.unload()
    expect(await pair.settle()).toEqual([])
    await pair.world.close()
  })
})

describe('ER-01, LC-02, MEM-01: a door that fails', () => {
  it.each(['frontend', 'backend'] as const)(
    'at any call of the %s half leaves nothing behind, and the next attachment works',
    async (side) => {
      let door: DoorFaults | null = null
      const pair = await TwoHosts.make(twoHosts(), {
        faultsOf: (asked, vif) => (asked === side && vif === VIF ? door : null),
      })
      const before = pair.world.resources()
      const failed: string[] = []
      for (let k = 0; ; k += strideAfter(failed)) {
        const fails = new FailDoor(k)
        door = fails
        const [phase] = await loadAndLook(pair)
        await pair.unload()
        await pair.for(1500)
        expect(pair.world.resources(), `after ${fails.failed} failed at call ${k} (${phase})`).toEqual(before)
        if (fails.failed === undefined) break
        failed.push(fails.failed)
      }
      expect(new Set(failed)).toEqual(new Set(DOORS[side]))
      door = null
      await pair.load()
      expect(pair.phases()).toEqual(['active', 'active'])
      await pair.unload()
      await pair.world.close()
    },
  )
})

/** As reports name the first guest's vif. */
const VIF = 'vif1.0'

/** The doors that each half calls, whose every call fails once. */
const DOORS = {
  frontend: ['keys.read', 'keys.write', 'arena', 'grant', 'listen', 'pool', 'map', 'mapIo'],
  backend: ['keys.read', 'keys.write', 'map', 'connect', 'arena', 'createVi', 'grant', 'vi.register'],
}

/** Hundreds of pages are granted one after the other: of such a row the ends are tried, and every 24th between. */
function strideAfter(failed: readonly string[]): number {
  const last = failed.slice(-6)
  const isRow = last.length === 6 && new Set(last).size <= 2 && /grant|register/.test(last.join(' '))
  return isRow && process.env['NETACCEL_TIER'] !== 'soak' ? 24 : 1
}

/** Loads both halves everywhere and waits until each vif has made up its mind. */
async function loadAndLook(pair: TwoHosts): Promise<string[]> {
  await pair.load().catch(() => undefined)
  await pair.until(() => pair.phases().every((phase) => phase === 'active' || phase === 'declined'), 8000)
  return pair.phases()
}
