// docs/netif.md §3.7: event channels of a vif, and what events for nothing cost.
import { describe, expect, it } from 'vitest'
import { RawWorld, plainBytes } from './testing/raw-world.js'

describe('event channels of a vif', () => {
  it('§3.7.1 a pair of channels: each ring has its own, both ways', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected({}, {}, true)
    expect(await world.back(guest, 'feature-split-event-channels')).toBe('1')
    const before = { ...guest.events }
    guest.fill(0, plainBytes(60))
    guest.send({ size: 60 })
    await world.run()
    expect([guest.answers(), guest.events.tx - before.tx, guest.events.rx - before.rx]).toEqual([
      [{ id: 0, status: 0 }],
      1,
      0,
    ])
    guest.post(1, 1)
    world.deliver(vif, plainBytes(60))
    await world.run()
    expect([guest.received().length, guest.events.tx - before.tx, guest.events.rx - before.rx]).toEqual([
      1, 1, 1,
    ])
  })

  it('§3.7.1 one of the pair missing: the shared channel is used; none at all is refused', async () => {
    const world = await RawWorld.make()
    const one = await world.guest()
    await world.settle(one.connect({ 'event-channel-tx': '77' }))
    await world.run(5)
    expect(world.vif(one).carrier).toBe(true)
    const none = await world.guest()
    await world.settle(none.connect({ 'event-channel': null }))
    await world.run(5)
    expect([world.vif(none).carrier, await world.back(none, 'state')]).toEqual([false, '5'])
  })

  it('§3.7.2 XSA-332: a storm of events for nothing is let through ever more seldom, and costs no other guest its turn', async () => {
    const world = await RawWorld.make()
    const { guest: storming } = await world.connected()
    const { guest: honest } = await world.connected()
    const { engine } = world.driver
    honest.fill(0, plainBytes(60))
    const before = engine.charged('event')
    let rounds = 0
    const storm = (): void => {
      storming.kick()
      if (++rounds < 20_000) storming.domain.engine.after(1e5, storm)
    }
    storming.domain.engine.after(0, storm)
    let answered = 0
    for (let round = 0; round < 20; round++) {
      honest.send({ size: 60 })
      await world.run(100)
      answered += honest.answers().length
    }
    expect(answered).toBe(20)
    // 20,000 events in 2 s. Free: the first two; then one after 1, 2, 4, … ticks of 4 ms: nine of them in 2 s.
    expect(engine.charged('event') - before - 20).toBeLessThan(16)
    expect(engine.charged('event') - before - 20).toBeGreaterThan(6)
  })

  it('§3.7.3 an event that was for something forgives those before it, at the latest when the port is let in again', async () => {
    const world = await RawWorld.make()
    const { guest } = await world.connected()
    for (let i = 0; i < 3; i++) {
      guest.kick()
      await world.run(0.1)
    }
    guest.fill(0, plainBytes(60))
    guest.send({ size: 60 })
    await world.run(0.1)
    expect(guest.answers()).toEqual([])
    await world.run(12)
    expect(guest.answers()).toEqual([{ id: 0, status: 0 }])
    // Two for nothing are free again, and the third waits one tick only.
    guest.kick()
    await world.run(0.1)
    guest.send({ size: 60 })
    await world.run(0.1)
    expect(guest.answers().length).toBe(1)
  })
})
