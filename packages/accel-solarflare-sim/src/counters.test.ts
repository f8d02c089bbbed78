// What the pair counts, vif by vif.
import { describe, expect, it } from 'vitest'
import { TwoHosts, twoHosts } from './testing/two-hosts.js'

const UDP_ONLY = { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 }
const NEIGHBOUR = { vifs: { vif0: { mac: '00:16:3e:00:00:66', accel: 'eth0' } } }

/** Host a has a second guest, which carries nothing. */
async function withNeighbour(): Promise<TwoHosts> {
  const pair = await TwoHosts.make(twoHosts())
  await pair.world.drive(pair.world.host('a').addGuest('guest2', NEIGHBOUR))
  await pair.load()
  await pair.until(() => pair.phases().every((phase) => phase === 'active'))
  pair.start(4, UDP_ONLY)
  await pair.for(10)
  return pair
}

describe('the counters of a vif', () => {
  it('are its own: a neighbour of the same half has others', async () => {
    const pair = await withNeighbour()
    const [busy, idle] = pair.world.status().vifs.map(({ counters }) => counters)
    expect(busy.backend).toMatchObject({ num_filters: 4, filters_inserted: 4, num_buffer_pages: 384 })
    expect(idle.backend).toMatchObject({ num_filters: 0, filters_inserted: 0, num_buffer_pages: 384 })
    expect(busy.frontend['fastpath_tx_completions']).toBeGreaterThan(100)
    expect(idle.frontend['fastpath_tx_completions']).toBe(0)
    const all = pair.counters('a', 'backend')
    expect(all).toMatchObject({ num_filters: 4, num_buffer_pages: 768, num_fwds: 2 })
    await pair.unload()
    await pair.world.close()
  })

  it('ST-01: two looks with nothing between them show the same', async () => {
    const pair = await withNeighbour()
    for (const stack of pair.stacks) stack.stop()
    await pair.for(20)
    expect(pair.world.status().vifs).toEqual(pair.world.status().vifs)
    await pair.unload()
    await pair.world.close()
  })

  it('ST-02: go into those of the half when the vif leaves, the last ones too', async () => {
    const pair = await withNeighbour()
    const { plugins } = pair.world.host('a')
    const before = pair.world.status().vifs[0].counters.frontend['fastpath_tx_completions'] ?? 0
    const back = pair.world.host('a').netback.vif(pair.world.vif('a.guest1.vif0').vif.domain.id, 0)
    if (back === undefined) throw new Error('no vif in the driver domain')
    const left = pair.until(() => pair.phases()[0] !== 'active')
    void plugins.accelerators.control(back)?.detach('detached')
    expect(await left).toBe(true)
    await pair.for(20)
    expect(pair.world.status().vifs[0].counters).toEqual({ frontend: {}, backend: {} })
    expect(pair.counters('a', 'frontend')['fastpath_tx_completions']).toBeGreaterThanOrEqual(before)
    expect(pair.counters('a', 'backend')).toMatchObject({ num_filters: 0, num_buffer_pages: 384 })
    await pair.unload()
    await pair.world.close()
  })
})
