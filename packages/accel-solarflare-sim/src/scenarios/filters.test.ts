// Scenario 20: what a flow needs to be received past the bridge, and what becomes of it when its filter goes.
import { describe, expect, it } from 'vitest'
import { conserved } from '../testing/conserved.js'
import { TwoHosts } from '../testing/two-hosts.js'

const UDP_ONLY = { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 }

describe('the filters of a guest', () => {
  it('scenario 20: the first packet of a port comes slow, the next fast; a filter that has aged comes back', async () => {
    const pair = await TwoHosts.make()
    const before = pair.world.resources()
    await pair.load()
    const { rx } = pair.world.vif('b.guest1.vif0').meter
    pair.start(1, UDP_ONLY, 200_000)
    await pair.for(10)
    const slow = rx.slow.frames
    expect([slow > 0, slow < 40]).toEqual([true, true])
    await pair.for(10)
    expect(rx.slow.frames).toBe(slow)
    const fast = rx.fast.frames
    expect(fast).toBeGreaterThan(20)
    // Silence, until the filter has aged and stands for nothing.
    for (const stack of pair.stacks) stack.stop()
    for (let s = 0; s < 120 && pair.counters('b', 'backend')['num_filters'] !== 0; s++) await pair.for(1000)
    expect(pair.counters('b', 'backend')['num_filters']).toBe(0)
    pair.start(1, UDP_ONLY, 200_000)
    await pair.for(20)
    expect([rx.slow.frames > slow, rx.fast.frames > fast]).toEqual([true, true])
    expect(pair.counters('b', 'backend')).toMatchObject({
      num_filters: 1,
      filters_inserted: 2,
      filters_aged: 1,
    })
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })
})
