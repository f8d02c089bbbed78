import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COSTS, defaultCosts, scaleCosts } from './cost-table.js'
import type { CostTable } from './cost-table.js'
import type { Engine, Poller } from './engine.js'
import { RealClock } from './real-clock.js'
import { settle } from './settle.js'
import { VirtualClock } from './virtual-clock.js'

const free = scaleCosts(defaultCosts, 0)
const only = (costs: Partial<CostTable>): CostTable => ({ ...free, ...costs })

/** A poller that has `total` units of work and notes when each call began. */
function worker(engine: Engine, total: number, perUnit: () => void): { poller: Poller; calls: number[] } {
  const calls: number[] = []
  let left = total
  const poller = {
    name: 'worker',
    poll(budget: number): boolean {
      calls.push(engine.now())
      const done = Math.min(budget, left)
      for (let unit = 0; unit < done; unit++) perUnit()
      left -= done
      return left > 0
    },
  }
  return { poller, calls }
}

describe('a step of an engine', () => {
  it('runs the upcall, then timers, then deferred work, then pollers in order of registration', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', free)
    const order: string[] = []
    const first = engine.addPoller({ name: 'a', poll: () => order.push('a') < 0 })
    const second = engine.addPoller({ name: 'b', poll: () => order.push('b') < 0 })
    second.schedule()
    first.schedule()
    engine.defer(() => order.push('deferred'))
    engine.after(0, () => order.push('timer'))
    engine.onUpcall(() => order.push('upcall'))
    engine.raise()
    await clock.run()
    expect(order).toEqual(['upcall', 'timer', 'deferred', 'a', 'b'])
    expect(first.scheduled).toBe(false)
  })

  it.each([
    ['virtual', () => new VirtualClock()],
    ['real', () => new RealClock()],
  ])('is not taken while the engine is paused, and nothing is forgotten: %s clock', async (_, make) => {
    const clock = make()
    const engine = clock.engine('cpu0', free)
    const other = clock.engine('cpu1', free)
    const seen: string[] = []
    const handle = engine.addPoller({ name: 'a', poll: () => seen.push('poll') < 0 })
    engine.onUpcall(() => seen.push('upcall'))
    other.after(1000, () => {
      handle.schedule()
      engine.raise()
      engine.after(1000, () => seen.push('timer'))
      engine.pause()
      engine.pause()
    })
    other.after(10_000, () => seen.push('other'))
    const long = 10_000_000_000
    await clock.run({ for: long, until: () => seen.length > 0 })
    await clock.run({ for: 20_000 })
    expect(seen).toEqual(['other'])
    engine.unpause()
    engine.unpause()
    await clock.run({ for: long, until: () => seen.length === 4 })
    expect(seen).toEqual(['other', 'upcall', 'timer', 'poll'])
  })

  it('polls with a budget of 64 until the poller has no more', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', only({ frame: 10, poll: 1 }))
    const { poller, calls } = worker(engine, 150, () => engine.charge('frame', 1))
    engine.addPoller(poller).schedule()
    await clock.run()
    // Each call begins after its own poll charge: 1, then 641 ns later, then 641 again.
    expect(calls).toEqual([1, 642, 1283])
    expect(engine.charged('frame')).toBe(150)
    expect(engine.charged('poll')).toBe(3)
    expect(engine.busyNs).toBe(1503)
    expect(engine.now()).toBe(1503)
  })

  it('lets a poller take its own wish back, whatever it answers', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', free)
    let calls = 0
    const handle = engine.addPoller({
      name: 'once',
      poll: () => {
        calls++
        handle.cancel()
        return true
      },
    })
    handle.schedule()
    await clock.run()
    expect(calls).toBe(1)
  })

  it('never runs a poller after its removal', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', free)
    let calls = 0
    const second = { name: 'second', poll: () => ++calls < 0 }
    const first = engine.addPoller({
      name: 'first',
      poll: () => {
        handle.remove()
        return false
      },
    })
    const handle = engine.addPoller(second)
    handle.schedule()
    first.schedule()
    await clock.run()
    handle.schedule()
    await clock.run()
    expect(calls).toBe(0)
  })

  it('fires timers by time, then by the order in which they were asked for; cancelled ones not at all', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', free)
    const fired: string[] = []
    engine.after(20, () => fired.push(`late@${engine.now()}`))
    engine.after(10, () => fired.push(`a@${engine.now()}`))
    const cancelled = engine.after(10, () => fired.push('cancelled'))
    engine.after(10, () => fired.push(`b@${engine.now()}`))
    cancelled.cancel()
    cancelled.cancel()
    await clock.run()
    expect(fired).toEqual(['a@10', 'b@10', 'late@20'])
    expect(clock.now()).toBe(20)
  })
})

describe('virtual time', () => {
  it('a charge delays the next step of that engine and of no other', async () => {
    const clock = new VirtualClock()
    const busy = clock.engine('busy', only({ frame: 100 }))
    const idle = clock.engine('idle', free)
    const seen: string[] = []
    busy.defer(() => busy.charge('frame', 3))
    busy.after(50, () => seen.push(`busy@${busy.now()}`))
    idle.after(50, () => seen.push(`idle@${idle.now()}`))
    await clock.run()
    expect(seen).toEqual(['idle@50', 'busy@300'])
  })

  it('a charge between two steps takes its time from the moment of the charge', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', only({ frame: 100 }))
    engine.charge('frame', 2)
    await clock.run({ for: 1000 })
    const seen: number[] = []
    engine.defer(() => seen.push(engine.now()))
    await clock.run()
    expect(seen).toEqual([1000])
    engine.charge('frame', 2)
    engine.charge('frame', 1)
    engine.defer(() => seen.push(engine.now()))
    await clock.run()
    expect(seen).toEqual([1000, 1300])
    // Two charges at two instants, far apart: the second begins at its own.
    engine.charge('frame', 1)
    await clock.run({ for: 10_000 })
    engine.charge('frame', 1)
    expect(engine.now()).toBe(clock.now() + 100)
  })

  it('a wake-up is paid by an idle engine that an upcall wakes, and by no other', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', only({ wakeup: 1000 }))
    const handled: number[] = []
    engine.onUpcall(() => handled.push(engine.now()))
    engine.raise()
    engine.raise()
    await clock.run()
    expect(handled).toEqual([1000])
    engine.defer(() => engine.raise())
    await clock.run()
    expect(handled).toEqual([1000, 1000])
    expect(engine.charged('wakeup')).toBe(1)
  })

  it('a signal sent in the middle of a step arrives at the virtual time at which it was sent', async () => {
    const clock = new VirtualClock()
    const sender = clock.engine('sender', only({ frame: 40 }))
    const receiver = clock.engine('receiver', free)
    let at = -1
    receiver.onUpcall(() => {
      at = receiver.now()
    })
    sender.defer(() => {
      sender.charge('frame', 2)
      receiver.raise()
      sender.charge('frame', 2)
    })
    await clock.run()
    expect(at).toBe(80)
  })

  it('run({ for }) ends exactly there, busy or idle', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', free)
    await clock.run({ for: 1000 })
    expect(clock.now()).toBe(1000)
    const fired: number[] = []
    engine.after(500, () => fired.push(engine.now()))
    engine.after(501, () => fired.push(engine.now()))
    await clock.run({ for: 500 })
    expect([clock.now(), fired]).toEqual([1500, [1500]])
    await clock.run()
    expect(fired).toEqual([1500, 1501])
  })

  it('run({ until }) stops between steps; stop() ends the run', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', only({ poll: 1 }))
    let polls = 0
    engine.addPoller({ name: 'forever', poll: () => ++polls > 0 }).schedule()
    await clock.run({ until: () => polls === 7 })
    expect(polls).toBe(7)
    engine.after(10, () => clock.stop())
    await clock.run()
    expect(engine.charged('poll')).toBe(polls)
    expect(clock.now()).toBeGreaterThanOrEqual(17)
  })

  it('run({ until }) does not ask again once the answer was yes', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', free)
    const answers: boolean[] = []
    const asked = (yes: boolean): boolean => {
      answers.push(yes)
      return yes
    }
    let done = false
    engine.after(5, () => {
      done = true
    })
    await clock.run({ for: 10, until: () => asked(done) })
    expect([answers.at(-1), answers.filter(Boolean).length, clock.now()]).toEqual([true, 1, 5])
    // Here a promise brings it while nothing is due: the clock stays where it was.
    done = false
    answers.length = 0
    const brought = (): boolean => {
      if (answers.length === 0) setImmediate(() => (done = true))
      return asked(done)
    }
    await clock.run({ for: 10, until: brought })
    expect([answers, clock.now()]).toEqual([[false, true], 5])
  })

  it('what a step throws rejects the run, and the clock can run again', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', free)
    let ran = false
    engine.defer(() => {
      throw new Error('broken handler')
    })
    engine.after(5, () => {
      ran = true
    })
    await expect(clock.run()).rejects.toThrow('broken handler')
    await clock.run()
    expect(ran).toBe(true)
  })

  it('refuses a second run while one is under way', async () => {
    const clock = new VirtualClock()
    const run = clock.run()
    await expect(clock.run()).rejects.toMatchObject({ code: 'CLOCK_RUNNING' })
    await run
  })

  it('gives up on an engine that always has work and charges nothing', async () => {
    const clock = new VirtualClock({ stuckSteps: 10_000 })
    const engine = clock.engine('hot', free)
    const hot = { name: 'forever', calls: 0, poll: () => ++hot.calls < 20_000 }
    engine.addPoller(hot).schedule()
    await expect(clock.run()).rejects.toMatchObject({ code: 'CLOCK_STUCK' })
    expect(hot.calls).toBe(10_000)
  })

  it('a removed engine gives back the promise chains it has open, and ends no other', () => {
    for (const clock of [new VirtualClock(), new RealClock()]) {
      const [kept, gone] = [clock.engine('kept'), clock.engine('gone')]
      kept.asyncBegin()
      gone.asyncBegin()
      gone.asyncBegin()
      gone.asyncEnd()
      expect(clock.chains).toBe(2)
      clock.removeEngine(gone)
      expect(clock.chains).toBe(1)
      gone.asyncEnd()
      gone.asyncBegin()
      expect(clock.chains).toBe(1)
      kept.asyncEnd()
      expect(clock.chains).toBe(0)
      expect(() => kept.asyncEnd()).toThrowError(expect.objectContaining({ code: 'BAD_STATE' }) as Error)
    }
  })

  it('a removed engine never steps again', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('gone', free)
    let ran = false
    engine.after(5, () => {
      ran = true
    })
    clock.removeEngine(engine)
    engine.raise()
    engine.after(1, () => {
      ran = true
    })
    await clock.run()
    expect(ran).toBe(false)
  })

  it('counts the same work at every scale of the cost table, and time in proportion', async () => {
    for (const factor of [0.5, 1, 2]) {
      const clock = new VirtualClock()
      const engine = clock.engine('cpu0', scaleCosts(defaultCosts, factor))
      engine.defer(() => {
        for (const cost of COSTS) engine.charge(cost, 2)
      })
      await clock.run()
      const expected = COSTS.reduce((sum, cost) => sum + defaultCosts[cost] * 2 * factor, 0)
      expect(engine.busyNs).toBeCloseTo(expected, 6)
      expect(engine.charged('frame')).toBe(2)
    }
  })
})

describe('promises under the virtual clock', () => {
  it('an announced chain goes on at the instant it was resolved at, however long it is', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', only({ poll: 10 }))
    let polls = 0
    const handle = engine.addPoller({ name: 'ticks', poll: () => ++polls < 1000 })
    let resumedAt = -1
    async function chain(): Promise<void> {
      engine.asyncBegin()
      await new Promise<void>((resolve) => {
        engine.after(100, resolve)
      })
      for (let hop = 0; hop < 50; hop++) await Promise.resolve()
      resumedAt = engine.now()
      engine.asyncEnd()
    }
    const done = chain()
    handle.schedule()
    await clock.run()
    await done
    expect(resumedAt).toBe(110)
    expect(polls).toBe(1000)
  })

  it('an unannounced chain goes on within 100 us of virtual time, or before the clock stops', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', free)
    let resumedAt = -1
    void Promise.resolve().then(() => {
      engine.after(10, () => {
        resumedAt = engine.now()
      })
    })
    await clock.run()
    expect(resumedAt).toBe(10)
    void new Promise<void>((resolve) => {
      engine.after(5, resolve)
    }).then(() => {
      resumedAt = engine.now()
    })
    engine.after(300_000, () => {})
    await clock.run()
    expect(resumedAt).toBeLessThanOrEqual(100_015)
  })

  it('settle() runs the clock until the promise is settled, and says so when it never will be', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', free)
    const after = (ns: number): Promise<string> =>
      new Promise((resolve) => {
        engine.after(ns, () => resolve(`at ${engine.now()}`))
      })
    expect(await settle(clock, after(70))).toBe('at 70')
    await expect(settle(clock, new Promise(() => {}))).rejects.toMatchObject({ code: 'STALLED' })
    await expect(settle(clock, Promise.reject(new Error('no')))).rejects.toThrow('no')
  })
})

/** A small world in which engines signal each other, arm timers and poll, and all is written down. */
async function history(seed: number, steps: number): Promise<string[]> {
  const clock = new VirtualClock()
  const log: string[] = []
  let state = seed
  const draw = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state % bound
  }
  let left = steps
  const engines = ['a', 'b', 'c'].map((name, index) =>
    clock.engine(name, scaleCosts(defaultCosts, index + 1)),
  )
  const act = (engine: Engine, what: string): void => {
    log.push(`${engine.name} ${what} ${engine.now()}`)
    if (left-- <= 0) return
    engine.charge('frame', draw(5))
    const target = engines[draw(3)]
    if (draw(2) === 0) target.raise()
    else target.after(draw(2000), () => act(target, 'timer'))
  }
  for (const engine of engines) engine.onUpcall(() => act(engine, 'upcall'))
  for (const engine of engines) engine.raise()
  await clock.run()
  return log
}

describe('determinism', () => {
  it('the same seed gives the same history, and time never goes back on an engine', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e9 }), async (seed) => {
        const log = await history(seed, 200)
        expect(await history(seed, 200)).toEqual(log)
        const last = new Map<string, number>()
        for (const line of log) {
          const [name = '', , at = ''] = line.split(' ')
          expect(Number(at)).toBeGreaterThanOrEqual(last.get(name) ?? 0)
          last.set(name, Number(at))
        }
      }),
      { seed: 7, numRuns: 30 },
    )
  })

  it('runs a million empty steps without an event loop turn for each', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('cpu0', only({ poll: 1 }))
    let left = 1_000_000
    engine.addPoller({ name: 'empty', poll: () => --left > 0 }).schedule()
    let turns = 0
    const count = (): void => {
      turns++
      if (left > 0) setImmediate(count)
    }
    setImmediate(count)
    await clock.run()
    expect(engine.charged('poll')).toBe(1_000_000)
    expect(turns).toBeLessThanOrEqual(13)
  })
})
