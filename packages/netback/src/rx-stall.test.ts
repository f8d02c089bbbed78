// docs/netif.md §6.2: how long the driver domain keeps frames for a guest that gives no slots (XSA-392).
import { describe, expect, it } from 'vitest'
import { plainBytes, RawWorld } from './testing/raw-world.js'
import { QUEUE_CAP_BYTES } from './send-queue.js'

const SECOND = 1000

describe('§6.2 a guest that gives no slots', () => {
  it('§6.2.1 524,288 bytes wait and no more; what leaves makes room (XSA-392)', async () => {
    const world = await RawWorld.make({ smallFrames: 512 })
    const { guest, vif } = await world.connected()
    const [queue] = vif.queues
    for (let i = 0; i < 400; i++) world.deliver(vif, plainBytes(1500))
    expect([queue.queued, queue.counters.dropped.frames('netback_rx_queue_full')]).toEqual([
      Math.ceil(QUEUE_CAP_BYTES / 1500),
      400 - Math.ceil(QUEUE_CAP_BYTES / 1500),
    ])
    guest.post(1)
    await world.run(10)
    world.deliver(vif, plainBytes(1500))
    expect(queue.counters.dropped.frames('netback_rx_queue_full')).toBe(50)
  })

  it.each([
    ['1', 10 * SECOND],
    ['0', 30],
  ])('§6.2.2 with feature-rx-notify %s a frame waits %d ms', async (notify, ms) => {
    const world = await RawWorld.make()
    const { vif } = await world.connected({ 'feature-rx-notify': notify })
    const { dropped } = vif.queues[0].counters
    world.deliver(vif, plainBytes(60))
    await world.run(ms - 2)
    world.deliver(vif, plainBytes(60))
    await world.run(1)
    expect(dropped.frames('netback_rx_expired')).toBe(0)
    await world.run(2)
    expect(dropped.frames('netback_rx_expired')).toBe(1)
    await world.run(ms)
    expect([dropped.frames('netback_rx_expired'), vif.queues[0].queued]).toEqual([2, 0])
  })

  it('§6.2.3 60 s without a delivery while a frame lacks slots: stalled, carrier off, frames are dropped early; ready when it has them', async () => {
    const world = await RawWorld.make({ jumboFrames: 16 })
    const { guest, vif } = await world.connected()
    const [queue] = vif.queues
    const { dropped } = queue.counters
    // One slot is there all the time, so that a look for any slot would see none wanting: the frame needs two.
    guest.post(1)
    const keepBusy = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i++) {
        world.deliver(vif, plainBytes(5000))
        await world.run(SECOND)
      }
    }
    await keepBusy(58)
    expect([queue.stalled, vif.carrier, dropped.frames('netback_rx_not_connected')]).toEqual([false, true, 0])
    await keepBusy(4)
    expect([queue.stalled, vif.carrier, queue.timesStalled]).toEqual([true, false, 1])
    expect(dropped.frames('netback_rx_not_connected')).toBeGreaterThan(0)
    guest.post(23, 1)
    await world.run(2 * SECOND)
    expect([queue.stalled, vif.carrier]).toEqual([false, true])
    world.deliver(vif, plainBytes(60))
    await world.run(1)
    expect(guest.received().at(-1)?.status).toBe(60)
  })

  it('§6.2.4 a stalled queue that has emptied is ready; one whose guest does not tell of its pages never stalls', async () => {
    const world = await RawWorld.make()
    const { vif: mute } = await world.connected({ 'feature-rx-notify': '0' })
    const { vif } = await world.connected()
    for (let i = 0; i < 70; i++) {
      for (const each of [vif, mute]) world.deliver(each, plainBytes(60))
      await world.run(SECOND)
    }
    expect([vif.queues[0].timesStalled, mute.queues[0].timesStalled, mute.carrier]).toEqual([1, 0, true])
    await world.run(11 * SECOND)
    expect([vif.queues[0].queued, vif.carrier]).toEqual([0, true])
  })

  it('§6.2.5 a guest that goes while it is stalled leaves the carrier to the next', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    for (let i = 0; i < 62; i++) {
      world.deliver(vif, plainBytes(60))
      await world.run(SECOND)
    }
    expect(vif.stalls.count).toBe(1)
    for (const state of ['5', '6', '1']) {
      await world.settle(guest.state(state))
      await world.run(5)
    }
    expect(vif.stalls.count).toBe(0)
    guest.renew()
    await world.settle(guest.connect())
    await world.run(5)
    expect(vif.carrier).toBe(true)
  })
})
