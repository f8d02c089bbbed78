// A backend that breaks the ring's protocol while its vif has an accelerator.
import { describe, expect, it } from 'vitest'
import { PairWorld } from './pair-world.js'
import type { PairGuest } from './pair-guest.js'

/** Offset of rsp_prod in the shared page (Xen public/io/ring.h). */
const RSP_PROD = 8

function breakRing({ vif: { queues } }: PairGuest): void {
  const page = queues[0]?.connection?.tx.ring.page
  if (page === undefined) throw new Error('the vif is not connected')
  const at = (page.offset + RSP_PROD) >> 2
  page.words[at] += 5000
  queues[0]?.schedulePoll()
}

describe('a vif whose backend breaks the protocol', () => {
  it('leaves its accelerator in order, without one poll more than there is work', async () => {
    const calls = { poll: 0, startInterrupts: 0 }
    const hook = (name: string): void => {
      if (name === 'poll' || name === 'startInterrupts') calls[name]++
    }
    const world = await PairWorld.make({ frontendManners: { hook } })
    await world.connected()
    world.loadAll()
    expect(await world.until(() => world.allIn('active'))).toBe(true)
    const [guest, other] = world.guests
    guest.stack?.burst(20)
    other.stack?.burst(20)
    calls.poll = 0
    calls.startInterrupts = 0
    breakRing(guest)
    expect(await world.until(() => guest.control?.phase === 'none', 20)).toBe(true)
    await world.for(20)
    expect(guest.vif.state).toBe('broken')
    expect([guest.control?.phase, guest.control?.run]).toEqual(['none', undefined])
    expect(guest.control?.lastReport).toMatchObject({ reason: 'disconnected', forced: false, late: [] })
    expect(Math.max(calls.poll, calls.startInterrupts)).toBeLessThan(60)
    expect(guest.registry.state('lane')?.leases).toBe(0)
    // What the fast path had taken has arrived; the ring's own is lost with its backend.
    expect(guest.accelerators.fastCounters(guest.vif)[0]?.dropped.entries()).toEqual([])
    expect(other.control?.phase).toBe('active')
  })

  it('follows the keys anew when the vif connects again', async () => {
    const world = await PairWorld.make()
    await world.connected()
    world.loadAll()
    expect(await world.until(() => world.allIn('active'))).toBe(true)
    const [guest] = world.guests
    breakRing(guest)
    expect(await world.until(() => guest.control?.phase === 'none', 20)).toBe(true)
    const before = guest.control
    // The backend closes, and begins again.
    const { otherend } = guest.vif.device
    await world.run(world.dom0.store.write(`${otherend}/state`, '5'))
    expect(await world.until(() => guest.vif.state === 'waiting', 50)).toBe(true)
    await world.run(world.dom0.store.write(`${otherend}/state`, '6'))
    await world.for(2)
    await world.run(world.dom0.store.write(`${otherend}/state`, '2'))
    expect(await world.until(() => guest.vif.state === 'connecting', 50)).toBe(true)
    expect(guest.control).toBeDefined()
    expect(guest.control).not.toBe(before)
  })
})
