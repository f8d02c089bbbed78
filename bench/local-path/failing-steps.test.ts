// Connecting is a list of steps, each of which may fail. After a failure at any of them nothing may be left taken, at
// either end, and the next attempt must work.
import { VirtualClock, XenError } from '@netaccel/xen'
import type { Domain } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { World } from './world.js'
import type { Guest } from './world.js'

/** Makes the k-th call that takes something fail, as if the domain had none left. Counts the calls. */
class Shortage {
  calls = 0
  readonly failAt: number

  constructor(failAt: number, domain: Domain) {
    this.failAt = failAt
    const { grants, events, extent, grantOps, store } = domain
    this.wrap(grants, 'claim')
    this.wrap(grants, 'grant')
    this.wrap(extent, 'allocPages')
    this.wrap(events, 'allocUnbound')
    this.wrap(events, 'bindInterdomain')
    this.wrap(grantOps, 'map')
    this.wrap(store, 'transaction')
    this.wrap(store, 'watch')
  }

  private wrap<T extends object>(target: T, name: keyof T & string): void {
    const original = target[name] as unknown as (...args: unknown[]) => unknown
    const failing = (...args: unknown[]): unknown => {
      if (this.calls++ === this.failAt)
        throw new XenError('NO_MEMORY', `call ${this.failAt}, of ${name}, was made to fail`)
      return original.apply(target, args)
    }
    Object.defineProperty(target, name, { value: failing, configurable: true })
    this.undo.push(() => Reflect.deleteProperty(target, name))
  }

  private readonly undo: (() => void)[] = []

  end(): void {
    for (const undo of this.undo) undo()
  }
}

const taken = (domain: Domain) => {
  const { grants, mappings, ports, watches, pages } = domain.resources()
  return { grants, mappings, ports, watches, pages: pages - domain.grants.frames }
}

async function attempt(end: 'guest' | 'driver', failAt: number): Promise<number> {
  const world = await World.create({ timeline: new VirtualClock() })
  const guest: Guest = await world.guest('a', '00:16:3e:00:00:01')
  guest.domain.grants.reserve(600)
  const before = [taken(guest.domain), taken(world.driver)]
  const shortage = new Shortage(failAt, end === 'guest' ? guest.domain : world.driver)
  let failed = false
  try {
    await world.plug(guest)
    await world.timeline.run({ for: 1e9 })
  } catch {
    // A probe that fails says so; the device is given up.
    failed = true
  }
  shortage.end()
  const running = guest.netfront.vif(0)?.running === true
  await world.timeline.run({ for: 1e9 }).catch(() => {})
  await remove(world, guest)
  expect([failAt, end, taken(guest.domain), taken(world.driver)]).toEqual([failAt, end, ...before])
  if (failAt === Number.POSITIVE_INFINITY) expect(running).toBe(true)
  // And the same ends connect when nothing fails.
  await world.connect(guest)
  expect(guest.vif.running).toBe(true)
  // A guest does not try again by itself; a backend may, since the guest still waits for it.
  if (end === 'guest')
    expect([failAt, failed || !running]).toEqual([failAt, failAt !== Number.POSITIVE_INFINITY])
  else if (failAt !== Number.POSITIVE_INFINITY) expect(shortage.calls).toBeGreaterThan(failAt)
  return shortage.calls
}

async function remove(world: World, guest: Guest): Promise<void> {
  const { front, back } = world.paths(guest)
  await world.wait(world.driver.store.rm(front)).catch(() => {})
  await world.timeline.run({ for: 3e9 }).catch(() => {})
  await world.wait(world.driver.store.rm(back)).catch(() => {})
  await world.timeline.run({ for: 3e9 }).catch(() => {})
}

describe.each(['guest', 'driver'] as const)('connecting, with one step of the %s failing', (end) => {
  it('leaves nothing taken after any step, and works afterwards', async () => {
    const calls = await attempt(end, Number.POSITIVE_INFINITY)
    expect(calls).toBeGreaterThan(8)
    // The references are hundreds of equal steps: the first, the last and some between stand for them.
    const steps = Array.from({ length: calls }, (_, k) => k).filter(
      (k) => k < 16 || k > calls - 12 || k % 61 === 0,
    )
    for (const k of steps) await attempt(end, k)
  })
})
