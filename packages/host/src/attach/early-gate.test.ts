// Step 8 of an attach: the TX gate opens when the backend steers, and not before. Until then the backend waits for what it
// took from the vif before it was asked to answer on departure: those frames may stand anywhere, and were answered.
import type { FrontendPaths } from '@netaccel/core'
import { expect, it } from 'vitest'
import { MS, PairWorld } from './pair-world.js'
import type { PairGuest } from './pair-guest.js'

const LATE_NS = 3 * MS

/** The driver domain has the frames for a guest in hand for a while, as a qdisc would. */
function delayTo(world: PairWorld, index: number): void {
  const { queues } = world.backVif(index)
  for (const queue of queues) {
    const send = queue.send.bind(queue)
    queue.send = (frame) => void world.dom0.engine.after(LATE_NS, () => send(frame))
    queue.sendBurst = (frames, from, to) => {
      for (let i = from; i < to; i++) queue.send(frames[i])
    }
  }
}

/** Counts the frames of each flow that a guest receives behind a later one. */
function listen({ vif }: PairGuest): { overtaken: number; received: number } {
  const seen = { overtaken: 0, received: 0 }
  const last = new Map<number, number>()
  vif.stack = {
    receive(frame) {
      const flow = frame.view.getUint16(frame.offset + 12)
      const number = frame.view.getUint32(frame.offset + 14)
      if (number < (last.get(flow) ?? -1)) seen.overtaken++
      else last.set(flow, number)
      seen.received++
      frame.release()
    },
    wake() {},
  }
  return seen
}

/** Of what one guest sends to the other while both halves are loaded at both ends. */
async function overtaken(mutant: boolean): Promise<number> {
  const world = await PairWorld.make()
  await world.connected()
  const [from, to] = world.guests
  const unload = async (): Promise<void> => {
    await world.run(Promise.all(world.guests.map((guest) => guest.registry.stop('lane', 'unloaded'))))
    await world.run(world.registry.stop('lane', 'unloaded'))
  }
  world.loadAll()
  expect(await world.until(() => world.allIn('active'))).toBe(true)
  const paths: FrontendPaths | undefined = from.control?.run?.paths
  if (paths === undefined) throw new Error('not attached')
  const prototype = Object.getPrototypeOf(paths) as FrontendPaths
  await unload()
  const { install } = prototype
  if (mutant)
    prototype.install = function (this: FrontendPaths) {
      install.call(this)
      this.openGate()
    }
  try {
    delayTo(world, 1)
    const seen = listen(to)
    // Taken and answered before the backend half is there, and on its way for as long as the backend has to wait.
    from.stack?.burst(10)
    await world.for(0.3)
    world.loadAll()
    expect(await world.until(() => from.control?.phase === 'receiving')).toBe(true)
    await world.for(0.5)
    from.stack?.burst(10)
    expect(await world.until(() => world.allIn('active'))).toBe(true)
    await world.for(15)
    from.stack?.burst(10)
    await world.for(20)
    expect(from.accelerators.fastCounters(from.vif)[0]?.tx_packets).toBeGreaterThan(0)
    await unload()
    await world.drain()
    expect(seen.received).toBe(from.stack?.sent)
    return seen.overtaken
  } finally {
    prototype.install = install
  }
}

it('a host that opens the TX gate before the backend steers lets frames overtake, and one that waits does not', async () => {
  expect(await overtaken(false)).toBe(0)
  expect(await overtaken(true)).toBeGreaterThan(0)
})
