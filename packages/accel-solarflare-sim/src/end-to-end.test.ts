import { describe, expect, it } from 'vitest'
import { TwoHosts } from './test/two-hosts.js'

describe('loaded and unloaded under traffic', () => {
  it('carries more than 90 % of it past the bridge, loses and doubles nothing, and gives everything back', async () => {
    const pair = await TwoHosts.make()
    const before = pair.world.resources()
    pair.start()
    await pair.for(10)
    expect(pair.fastShare()).toBe(0)
    await pair.load()
    await pair.for(5)
    const from = pair.counts()
    await pair.for(30)
    const share = pair.fastShare(from)
    console.log(share, pair.world.status().vifs, pair.world.status().filters)
    await pair.unload()
    const after = pair.counts()
    await pair.for(5)
    expect(pair.fastShare(after)).toBe(0)
    expect(await pair.settle()).toEqual([])
    expect(share).toBeGreaterThan(0.9)
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })
})
