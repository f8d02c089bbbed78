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
