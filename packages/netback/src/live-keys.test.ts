// docs/netif.md §6.2 to §6.4: what the guest and the toolstack may change while a vif is connected.
import { describe, expect, it } from 'vitest'
import { plainBytes, RawWorld } from './testing/raw-world.js'

const GROUP = [1, 0, 0x5e, 0, 0, 5]

function to(group: readonly number[]): number[] {
  return [...group, ...plainBytes(60).slice(6)]
}

describe('keys of a connected vif', () => {
  it('§6.4.8 the rate is taken from the key, as it is at the connection and whenever it changes', async () => {
    const world = await RawWorld.make()
    const { guest } = await world.connected({}, { back: { rate: '3000,1000000' } })
    guest.fill(0, plainBytes(1500))
    const send = (count: number): void => {
      for (let i = 0; i < count; i++) guest.write({ size: 1500, gref: guest.refs[0] })
      if (guest.tx.publish()) guest.kick()
    }
    send(6)
    await world.run()
    expect(guest.answers().length).toBe(2)
    await world.writeBack(guest, 'rate', 'nonsense')
    await world.run(2)
    expect(guest.answers().length).toBe(4)
    await world.writeBack(guest, 'rate', '1500,1000000')
    await world.run(2)
    send(2)
    await world.run()
    expect(guest.answers().length).toBe(1)
  })

  it('§6.3.1 multicast is filtered only for a guest that asks for it, and from the moment at which it does', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    guest.post(32)
    // The list may be changed while nobody filters by it.
    guest.send({ size: 60, flags: 8 }, [2, 0, ...GROUP])
    const arrived = async (): Promise<number> => {
      for (const group of [GROUP, [1, 0, 0x5e, 0, 0, 6], [255, 255, 255, 255, 255, 255], [0, 1, 2, 3, 4, 5]])
        world.deliver(vif, to(group))
      await world.run()
      return guest.received().length
    }
    expect(await arrived()).toBe(4)
    const key = `${guest.front}/request-multicast-control`
    await world.settle(guest.domain.store.write(key, '1'))
    await world.run(2)
    expect(await arrived()).toBe(3)
    guest.send({ size: 60, flags: 8 }, [3, 0, ...GROUP])
    await world.run()
    expect(await arrived()).toBe(2)
    await world.settle(guest.domain.store.write(key, '0'))
    await world.run(2)
    expect(await arrived()).toBe(4)
    expect(vif.queues[0].counters.dropped.frames('netback_rx_multicast')).toBe(3)
  })

  it('§6.3.2 asked for at the connection it holds from the first frame; the list is empty after a reconnection', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected({ 'request-multicast-control': '1' })
    guest.send({ size: 60, flags: 8 }, [2, 0, ...GROUP])
    await world.run()
    expect([vif.multicast.filtering, vif.multicast.size]).toEqual([true, 1])
    for (const state of ['5', '6']) {
      await world.settle(guest.state(state))
      await world.run(5)
    }
    expect(vif.multicast.size).toBe(0)
  })

  it('§6.1.10 headroom: read at the connection and at Reconfiguring, which is answered with Reconfigured', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected({ 'xdp-headroom': '100' })
    expect(await world.back(guest, 'feature-xdp-headroom')).toBe('1')
    guest.post(32)
    const first = async (): Promise<[number, number]> => {
      world.deliver(vif, plainBytes(60))
      await world.run()
      const [data, extra] = guest.received()
      return [data.status, extra === undefined ? 0 : extra.bytes[2] + 256 * extra.bytes[3]]
    }
    expect(await first()).toEqual([160, 100])
    const change = async (bytes: string): Promise<void> => {
      await world.settle(guest.domain.store.write(`${guest.front}/xdp-headroom`, bytes))
      await world.settle(guest.state('7'))
      await world.run(5)
    }
    await change('256')
    expect([await world.back(guest, 'state'), await first()]).toEqual(['8', [316, 256]])
    await world.settle(guest.state('4'))
    await world.run(5)
    expect([await world.back(guest, 'state'), await first()]).toEqual(['4', [316, 256]])
    for (const [bytes, headroom] of [
      ['40000', 0x7fff],
      ['70000', 0],
      ['x', 0],
    ] as const) {
      await world.settle(guest.state('4'))
      await world.run(5)
      await change(bytes)
      expect((vif.queues[0] as unknown as { toGuest: { headroom: number } }).toGuest.headroom).toBe(headroom)
    }
    expect(await first()).toEqual([60, 0])
  })
})
