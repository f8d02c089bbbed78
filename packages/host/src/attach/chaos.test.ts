import { expect, it } from 'vitest'
import { Random } from '@netaccel/packet'
import { MS, PairWorld } from './pair-world.js'
import type { PairGuest } from './pair-guest.js'

function loaded(end: { readonly registry: PairGuest['registry'] | PairWorld['registry'] }): boolean {
  return end.registry.state('lane')?.generation !== undefined
}

/** One thing that an administrator, a toolstack or the hardware may do at any moment. */
function happen(world: PairWorld, random: Random, pending: Promise<unknown>[]): void {
  const i = random.below(2)
  const guest = world.guests[i]
  const accel = `${world.backVif(i).device.nodename}/accel`
  const what = random.below(7)
  if (what < 2) {
    if (loaded(guest)) pending.push(guest.registry.stop('lane', 'unloaded'))
    else world.loadFrontend(guest)
  } else if (what === 2 && loaded(world)) pending.push(world.registry.stop('lane', 'unloaded'))
  else if (what === 3) pending.push(world.dom0.store.rm(accel).catch(() => {}))
  else if (what === 4) pending.push(world.dom0.store.write(accel, 'lane'))
  else if (what === 5) world.port.changed({ kind: random.below(2) === 0 ? 'reset' : 'reset-done' })
  else if (!loaded(world)) world.loadBackend()
}

it.each([1, 16, 47])(
  'whatever comes and goes, no frame is lost or doubled and the end is as the beginning (seed %i)',
  async (seed) => {
    const world = await PairWorld.make({ seed })
    await world.connected()
    const before = world.resources()
    const random = new Random(seed * 1000)
    for (const { stack } of world.guests) stack?.start(1 + random.below(24), 20_000 + random.below(60_000))
    const pending: Promise<unknown>[] = []
    for (let step = 0; step < 120; step++) {
      happen(world, random, pending)
      await world.clock.run({ for: random.below(3 * MS) })
    }
    world.port.changed({ kind: 'reset-done' })
    await world.run(Promise.all(pending))
    for (const i of [0, 1])
      await world.run(world.dom0.store.write(`${world.backVif(i).device.nodename}/accel`, 'lane'))
    if (!loaded(world)) world.loadBackend()
    for (const guest of world.guests) if (!loaded(guest)) world.loadFrontend(guest)
    expect(await world.until(() => world.allIn('active'), 8000)).toBe(true)
    await world.for(3)
    const stops = [...world.guests, world].map(({ registry }) => registry.stop('lane', 'unloaded'))
    await world.run(Promise.all<unknown>(stops))
    await world.drain()
    expect(world.wrong()).toEqual([])
    for (const guest of world.guests) {
      const [counters] = guest.accelerators.fastCounters(guest.vif)
      expect(counters?.dropped.entries()).toEqual([])
      expect(counters?.tx_packets).toBeGreaterThan(100)
      expect(guest.control?.tally.counters.counter('forced_detaches').value).toBe(0)
    }
    expect(world.logs.filter((line) => !line.startsWith('info'))).toEqual([])
    expect(world.resources()).toEqual(before)
  },
)
