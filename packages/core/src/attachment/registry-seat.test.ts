import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { Registry } from '../registry.js'
import type { Generation } from '../registry-types.js'
import { RegistrySeat } from './registry-seat.js'

/** A generation as the registry makes it. */
async function generation(): Promise<Generation<string>> {
  const clock = new VirtualClock()
  const registry = new Registry<string>({
    side: 'backend',
    clock: clock.engine('dom0'),
    inDriverDomain: true,
  })
  const offered = new Promise<Generation<string>>((resolve) => {
    registry.request('one', {
      name: 'vif1.0',
      attach: (_half, made) => {
        resolve(made)
        return Promise.resolve('attached')
      },
      detach: () => Promise.resolve(),
    })
  })
  registry.loaded(1, 'one', 'half')
  await clock.run()
  return offered
}

describe('RegistrySeat', () => {
  it('gives the newest offer once; the older one was declined', async () => {
    const made = await generation()
    const seat = new RegistrySeat<string>()
    const first = seat.put('first', made)
    const second = seat.put('second', made)
    await expect(first).resolves.toBe('declined')
    const offer = seat.take()
    expect([offer?.half, offer?.generation, seat.take()]).toEqual(['second', made, undefined])
    offer?.answer('attached')
    seat.decline()
    await expect(second).resolves.toBe('attached')
  })

  it('declines the offer that waits', async () => {
    const seat = new RegistrySeat<string>()
    const answer = seat.put('half', await generation())
    seat.decline()
    await expect(answer).resolves.toBe('declined')
    expect(seat.take()).toBeUndefined()
  })

  it('tells all who wait that the vif has left, once', async () => {
    const seat = new RegistrySeat<string>()
    const told: number[] = []
    const waits = [1, 2].map((each) => seat.whenGone().then(() => told.push(each)))
    expect(seat.awaited).toBe(true)
    seat.tellGone()
    expect(seat.awaited).toBe(false)
    await Promise.all(waits)
    expect(told).toEqual([1, 2])
  })
})
