// docs/netif.md §1.4 and §5: guests that do not do what drivers do, and what the others notice of it.
import { describe, expect, it } from 'vitest'
import { EXTRA } from './testing/raw-guest.js'
import type { RawGuest, TxSlot } from './testing/raw-guest.js'
import { plainBytes, RawWorld } from './testing/raw-world.js'

describe('a guest', () => {
  it('that goes straight to Connected, as mini-os, before the backend has offered anything, is served', async () => {
    const world = await RawWorld.make()
    const guest = await world.guest({}, 0)
    const bare = {
      'feature-rx-notify': null,
      'feature-sg': null,
      'feature-gso-tcpv4': null,
      'feature-gso-tcpv6': null,
    }
    await world.settle(guest.connect(bare))
    await world.run(5)
    const vif = world.vif(guest)
    expect([vif.carrier, await world.back(guest, 'state')]).toEqual([true, '4'])
    guest.fill(0, plainBytes(60))
    guest.send({ size: 60 })
    guest.post(4, 1)
    world.deliver(vif, plainBytes(60))
    await world.run()
    expect([guest.answers().length, guest.received().map(({ status }) => status)]).toEqual([1, [60]])
  })

  it('that never answers is waited for in InitWait, and leaves nothing when it is taken away', async () => {
    const world = await RawWorld.make()
    const bare = world.driver.resources()
    const guest = await world.guest()
    await world.run(10_000)
    expect([await world.back(guest, 'state'), world.vif(guest).carrier]).toEqual(['2', false])
    world.deliver(world.vif(guest), plainBytes(60))
    await world.unplug(guest)
    // Beside the vif: the store, which is in this domain, has a channel and a page of the guest's.
    expect(world.driver.resources()).toEqual({ ...bare, ports: bare.ports + 1, mappings: bare.mappings + 1 })
    expect(world.netback.vifs).toEqual([])
  })

  it('that begins anew without a word is connected anew, with what it says then', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    await world.settle(guest.state('1'))
    await world.run(5)
    expect([vif.carrier, await world.back(guest, 'state')]).toEqual([false, '2'])
    guest.renew()
    await world.settle(guest.connect({ 'feature-sg': '0' }))
    await world.run(5)
    guest.fill(0, plainBytes(60))
    guest.send({ size: 60 })
    await world.run()
    expect([vif.carrier, guest.answers().length]).toEqual([true, 1])
  })
})

/** Requests of a guest that keeps its ring full of them. */
type Flood = (guest: RawGuest) => TxSlot[]

const FLOODS: readonly (readonly [string, Flood])[] = [
  ['small packets', () => [{ size: 60 }]],
  ['packets that are refused', () => [{ size: 13 }]],
  ['changes of its multicast list', () => [{ size: 60, flags: EXTRA }, [3, 0, 1, 0, 0x5e, 0, 0, 1]]],
  ['packets that cannot be copied', () => [{ size: 60, gref: 4000 }]],
]

const MS = 3

/** Packets of two honest guests that are answered in 3 ms, beside a flood or without. Each sends one in 20 µs. */
async function answered(costs: number, flood: Flood | null): Promise<number> {
  const world = await RawWorld.make({}, { costs })
  const honest = [await world.connected(), await world.connected()]
  const hostile = flood === null ? null : (await world.connected()).guest
  let count = 0
  for (const { guest } of honest) {
    const { engine } = guest.domain
    guest.fill(0, plainBytes(60))
    const began = engine.now()
    let ticks = 0
    const tick = (): void => {
      count += guest.answers().length
      if ((guest.tx.produced - guest.tx.consumed) >>> 0 < 250) guest.send({ size: 60, gref: guest.refs[0] })
      engine.after(Math.max(0, began + ++ticks * 20_000 - engine.now()), tick)
    }
    engine.after(0, tick)
  }
  if (hostile !== null && flood !== null) {
    const pour = (): void => {
      hostile.answers()
      const slots = flood(hostile)
      while ((hostile.tx.produced - hostile.tx.consumed) >>> 0 <= 256 - slots.length) hostile.write(...slots)
      hostile.tx.publish()
      for (let i = 0; i < 4; i++) hostile.kick()
      hostile.domain.engine.after(10_000, pour)
    }
    hostile.domain.engine.after(0, pour)
  }
  await world.run(MS)
  return count
}

describe.each([0.5, 1, 2])('with costs times %d', (costs) => {
  it('XSA-39, XSA-332: beside a guest that floods others keep four fifths of what they have alone', async () => {
    const alone = await answered(costs, null)
    expect(alone).toBeGreaterThan(30 * MS)
    const kept: number[] = []
    for (const [, flood] of FLOODS) kept.push((await answered(costs, flood)) / alone)
    expect(Math.min(...kept)).toBeGreaterThan(0.8)
  })
})
