// A backend that offers an accelerator and then says nothing.
import { expect, it } from 'vitest'
import type { AcceleratedVif } from '@netaccel/core'
import { MS, PairWorld } from './pair-world.js'

/** A half that needs nobody to talk to, and declines every frame. */
function alone(removed: string[]): AcceleratedVif {
  return {
    openQueue: () => ({
      txDepth: 1,
      rxDepth: 1,
      accepts: () => false,
      startXmit: () => 'declined',
      flush: () => {},
      hasRoom: () => true,
      poll: () => 'idle',
      startInterrupts: () => 'armed',
      stopInterrupts: () => {},
    }),
    remove: (reason) => void removed.push(reason),
  }
}

it('is given up after its deadline: the vif leaves in order, stays declined, and carries on', async () => {
  const removed: string[] = []
  const world = await PairWorld.make({
    frontendManners: { newDevice: () => Promise.resolve(alone(removed)) },
  })
  await world.connected()
  const before = world.resources()
  const [guest] = world.guests
  world.loadFrontend(guest)
  await world.run(world.dom0.store.write(`${guest.vif.device.otherend}/accel-frontend`, 'lane'))
  expect(await world.until(() => guest.control?.phase === 'receiving')).toBe(true)
  const from = world.clock.now()
  await world.for(2500)
  expect(guest.control?.phase).toBe('receiving')
  expect(await world.until(() => guest.control?.phase === 'declined', 5000)).toBe(true)
  // A second for the backend to answer, two for what it may have to wait for, one more for it to close.
  expect((world.clock.now() - from) / MS).toBeLessThan(4500)
  expect(removed).toEqual(['failed'])
  await world.for(5000)
  expect([guest.control?.phase, guest.control?.run]).toEqual(['declined', undefined])
  await world.run(guest.registry.stop('lane', 'unloaded'))
  await world.run(world.dom0.store.rm(`${guest.vif.device.otherend}/accel-frontend`))
  expect(world.resources()).toEqual(before)
  guest.stack?.burst(20)
  await world.drain()
  expect(world.wrong()).toEqual([])
})
