import { describe, expect, it } from 'vitest'
import { Serial } from './serial.js'
import { settle } from './settle.js'
import { VirtualClock } from './virtual-clock.js'

describe('Serial', () => {
  it('runs steps one after another, each to its end, in the order they were asked for', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0')
    const serial = new Serial(engine, () => {})
    const log: string[] = []
    const step = (name: string, ns: number) => async (): Promise<void> => {
      log.push(`${name} begins at ${clock.now()}`)
      await new Promise<void>((resolve) => engine.after(ns, resolve))
      log.push(`${name} ends at ${clock.now()}`)
    }
    const slow = serial.run(step('slow', 100))
    const quick = serial.run(step('quick', 1))
    expect(clock.chains).toBe(2)
    await settle(clock, Promise.all([quick, slow]))
    expect(log).toEqual(['slow begins at 0', 'slow ends at 100', 'quick begins at 100', 'quick ends at 101'])
    expect(clock.chains).toBe(0)
  })

  it('tells of a step that rejected, and runs the next one', async () => {
    const clock = new VirtualClock()
    const told: unknown[] = []
    const serial = new Serial(clock.engine('cpu0'), (error) => void told.push(error))
    const wrong = new Error('wrong')
    let ran = false
    const first = serial.run(() => Promise.reject(wrong))
    await settle(
      clock,
      serial.run(async () => {
        ran = true
      }),
    )
    await first
    expect([told, ran, clock.chains]).toEqual([[wrong], true, 0])
  })
})
