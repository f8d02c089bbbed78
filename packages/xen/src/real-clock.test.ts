import { describe, expect, it } from 'vitest'
import { RealClock } from './real-clock.js'
import { settle } from './settle.js'

describe('RealClock', () => {
  it('runs engines in turn, timers in order, and promises between rounds', async () => {
    const clock = new RealClock()
    const left = clock.engine('left')
    const right = clock.engine('right')
    const log: string[] = []
    right.onUpcall(() => {
      log.push('upcall')
      left.after(1000, () => {
        log.push('first')
        right.defer(() => log.push('second'))
      })
    })
    right.raise()
    const value = await settle(
      clock,
      new Promise<string>((resolve) => {
        left.after(3_000_000, () => void Promise.resolve().then(() => resolve('done')))
      }),
    )
    expect(value).toBe('done')
    await clock.run({ until: () => log.length === 3 })
    expect(log).toEqual(['upcall', 'first', 'second'])
    expect(right.charged('wakeup')).toBe(1)
  })

  it('lets the event loop turn while an engine always has work', async () => {
    const clock = new RealClock()
    const engine = clock.engine('busy')
    engine.addPoller({ name: 'forever', poll: () => true }).schedule()
    let turned = false
    setImmediate(() => setImmediate(() => setImmediate(() => (turned = true))))
    await clock.run({ until: () => turned })
    expect(engine.charged('poll')).toBeGreaterThan(1)
  })

  it('asks the outside world when idle, within bounds, and looks at it while busy', async () => {
    const asked: number[] = []
    const clock = new RealClock({ idle: (maxNs) => void asked.push(maxNs) })
    const engine = clock.engine('cpu0')
    await clock.run({ until: () => asked.length > 3 })
    expect(asked.every((ns) => ns > 0 && ns <= 2_000_000)).toBe(true)
    asked.length = 0
    engine.addPoller({ name: 'forever', poll: () => true }).schedule()
    await clock.run({ until: () => asked.length > 1 })
    expect(asked).toEqual([0, 0])
  })

  it('takes the time in which it could not run out of every deadline, and no other', async () => {
    const clock = new RealClock()
    const engine = clock.engine('cpu0')
    const nobody = new Int32Array(new SharedArrayBuffer(4))
    let polls = 0
    let fired = 0
    let pollsThen = 0
    engine.after(20_000_000, () => (fired = polls))
    const poll = (): boolean => {
      // The machine runs somebody else: the thread sleeps without having asked its clock to.
      if (++polls === 3) Atomics.wait(nobody, 0, 0, 60)
      return true
    }
    engine.addPoller({ name: 'forever', poll }).schedule()
    await clock.run({
      until: () => {
        if (polls === 4) pollsThen = clock.now()
        return fired > 0
      },
    })
    expect(clock.stolenNs).toBeGreaterThan(50e6)
    expect(pollsThen).toBeLessThan(20e6)
    // Sleeping because there is nothing to do is no theft: 20 times 5 ms.
    let waits = 0
    const idle = new RealClock({ idle: () => void Atomics.wait(nobody, 0, 0, 5 * Math.min(1, ++waits)) })
    idle.engine('cpu0')
    await idle.run({ until: () => waits === 20 })
    expect(idle.stolenNs).toBeLessThan(50e6)
  })

  it('wakes from its sleep for work that comes from outside', async () => {
    const clock = new RealClock()
    const engine = clock.engine('cpu0')
    let ran = false
    setImmediate(() =>
      engine.defer(() => {
        ran = true
      }),
    )
    await clock.run({ until: () => ran })
    expect(ran).toBe(true)
  })

  it('ends by stop(), by `for`, and with what a step threw', async () => {
    const clock = new RealClock()
    const engine = clock.engine('cpu0')
    const from = clock.now()
    await clock.run({ for: 1_500_000 })
    expect(clock.now() - from).toBeGreaterThanOrEqual(1_500_000)
    engine.after(1000, () => clock.stop())
    await clock.run()
    engine.defer(() => {
      throw new Error('broken handler')
    })
    await expect(clock.run()).rejects.toThrow('broken handler')
    clock.removeEngine(engine)
    engine.defer(() => {
      throw new Error('never')
    })
    await clock.run({ for: 0 })
  })
})
