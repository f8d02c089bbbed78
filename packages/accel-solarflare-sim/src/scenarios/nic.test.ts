// Scenarios 23 and 24: the link goes and comes, the NIC is reset, both under traffic.
import { describe, expect, it } from 'vitest'
import { conserved } from '../testing/conserved.js'
import { TwoHosts } from '../testing/two-hosts.js'

const CABLE = 'a.eth0 -> b.eth0'

async function underTraffic(): Promise<TwoHosts> {
  const pair = await TwoHosts.make()
  await pair.load()
  pair.start()
  await pair.for(5)
  return pair
}

describe('the link', () => {
  it('scenario 23: link down and up: the fast path rests and goes on, and what the cable dropped is named', async () => {
    const pair = await underTraffic()
    const wire = pair.world.wire(CABLE)
    const { fast } = pair.world.vif('a.guest1.vif0').meter.tx
    for (let i = 0; i < 3; i++) {
      wire.setLink(false)
      await pair.for(2)
      const down = fast.frames
      await pair.for(5)
      expect(fast.frames).toBe(down)
      wire.setLink(true)
      await pair.for(5)
      expect(fast.frames).toBeGreaterThan(down)
    }
    expect(pair.phases()).toEqual(['active', 'active'])
    const from = pair.counts()
    await pair.for(10)
    expect(pair.fastShare(from)).toBeGreaterThan(0.9)
    await pair.unload()
    expect(await conserved(pair, 'wire_down', 'nic_tx_link_down', 'accel_tx_link_down')).toEqual([])
    await pair.world.close()
  })
})

describe('the NIC', () => {
  it('scenario 24: reset with vifs active: they leave and attach anew, and what stood in the VIs is named', async () => {
    const pair = await underTraffic()
    const { driver } = pair.world.nic('a.eth0')
    const vi = (): number | undefined => driver.vis.handles[0]?.id
    for (let i = 0; i < 3; i++) {
      driver.reset()
      expect(vi()).toBeUndefined()
      expect(await pair.until(() => pair.phases()[0] !== 'active', 100)).toBe(true)
      expect(await pair.until(() => pair.phases()[0] === 'active', 2000)).toBe(true)
      await pair.for(5)
      const from = pair.counts()
      await pair.for(5)
      expect(pair.fastShare(from)).toBeGreaterThan(0.8)
    }
    await pair.unload()
    expect(
      await conserved(pair, 'nic_reset', 'accel_tx_reset', 'nic_tx_reset', 'nic_rx_reset', 'forced_detach'),
    ).toEqual([])
    expect(pair.world.status()).toMatchObject({ vis: 0, filters: 0, leases: 0 })
    await pair.world.close()
  })
})
