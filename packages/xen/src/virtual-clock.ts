import { defaultCosts } from './cost-table.js'
import type { CostTable } from './cost-table.js'
import { EngineCore } from './engine-core.js'
import type { EngineClock } from './engine-core.js'
import type { Engine, RunOptions, Timeline } from './engine.js'
import { XenError } from './errors.js'
import { Heap } from './heap.js'
import { eventLoopTurn } from './real-clock.js'

/**
 * Virtual nanoseconds after which microtasks run even if no promise chain was announced. A pause for them costs a quarter
 * of a microsecond, so this adds a few milliseconds to a simulated second.
 */
const UNANNOUNCED_NS = 100_000

export interface VirtualClockOptions {
  /** Steps at one virtual instant after which a run is given up as stuck. Default 10 million. */
  readonly stuckSteps?: number
}

/** Lets every microtask run, and those that they make, without a turn of the event loop: a quarter of its price. */
function microtasks(): Promise<void> {
  // Node runs its queue of ticks when that of microtasks is empty.
  return new Promise((resolve) => process.nextTick(resolve))
}

/** Of so many pauses one is a turn of the event loop: signals, child processes and a test's own timeout must go on. */
const TURN_EVERY = 64

/** 'over': nothing is due by the end of the run. 'ended': before that, by `stop()` or `until()`. */
type Pause = 'turn' | 'idle' | 'over' | 'ended'

/**
 * Exact, repeatable time: a heap of engine steps ordered by (time, sequence). A step takes the time it charged; the
 * engine's next step starts no earlier than that. Engines run one at a time, so nothing depends on the machine.
 *
 * Two engines that act at overlapping virtual times act in the order in which their steps start.
 */
export class VirtualClock implements Timeline, EngineClock {
  readonly virtual = true
  readonly stolenNs = 0
  readonly stepTime = new Float64Array(1)
  /** From 1: a new engine has charged nothing in it yet. */
  instant = 1
  readonly #engines = new Set<EngineCore>()
  readonly #steps = new Heap<EngineCore>()
  #time = 0
  #current: EngineCore | undefined
  #sequence = 0
  #chains = 0
  #lastTurn = 0
  #stepsAtInstant = 0
  #running = false
  #stopped = false
  readonly #stuckSteps: number

  constructor(options: VirtualClockOptions = {}) {
    this.#stuckSteps = options.stuckSteps ?? 10_000_000
  }

  /** Engines that were not removed. */
  get engines(): number {
    return this.#engines.size
  }

  /** Promise chains that were announced and have not ended. */
  get chains(): number {
    return this.#chains
  }

  now(): number {
    return this.#current === undefined ? this.#time : this.#current.now()
  }

  engine(name: string, costs: CostTable = defaultCosts): Engine {
    const engine = new EngineCore(this, name, costs)
    this.#engines.add(engine)
    return engine
  }

  removeEngine(engine: Engine): void {
    if (!(engine instanceof EngineCore) || !this.#engines.delete(engine)) return
    engine.retire()
    this.#steps.remove(engine)
  }

  asyncBegin(): void {
    this.#chains++
  }

  asyncEnd(): void {
    if (this.#chains === 0)
      throw new XenError('BAD_STATE', 'asyncEnd() was called more often than asyncBegin()')
    this.#chains--
  }

  nextSequence(): number {
    return this.#sequence++
  }

  wake(engine: EngineCore): void {
    this.#place(engine, engine.hasWork ? this.now() : engine.nextTimer)
  }

  stop(): void {
    this.#stopped = true
  }

  async run(options: RunOptions = {}): Promise<void> {
    if (this.#running)
      throw new XenError('CLOCK_RUNNING', 'this clock runs already; await that run before the next one')
    const end = options.for === undefined ? Infinity : this.#time + options.for
    this.#running = true
    this.#stopped = false
    try {
      // Promises that were settled before the run began come first.
      await eventLoopTurn()
      await this.#runTo(end, options.until)
    } finally {
      this.#running = false
    }
  }

  async #runTo(end: number, until: (() => boolean) | undefined): Promise<void> {
    let pauses = 0
    for (;;) {
      let pause = this.#runSteps(end, until)
      if (pause === 'turn' && ++pauses % TURN_EVERY !== 0) await microtasks()
      else if (pause !== 'ended') await eventLoopTurn()
      // Nothing was due: did a promise that was still waiting for its turn bring something, or what is waited for?
      if (pause === 'idle' && !this.#isDue(end)) {
        pause = this.#stopped || (until?.() ?? false) ? 'ended' : 'over'
      }
      if (pause === 'over' && end < Infinity) this.#moveTo(end)
      if (pause === 'over' || pause === 'ended') return
    }
  }

  /** Runs steps until the event loop must turn, nothing is due by `end`, or the run has ended. */
  #runSteps(end: number, until: (() => boolean) | undefined): Pause {
    for (;;) {
      if (this.#stopped || (until !== undefined && until())) return 'ended'
      const engine = this.#steps.peek()
      if (engine === undefined || engine.at > end) return 'idle'
      if (engine.at - this.#lastTurn >= UNANNOUNCED_NS) {
        this.#lastTurn = engine.at
        return 'turn'
      }
      this.#step(engine)
      if (this.#chains === 0) continue
      this.#lastTurn = this.#time
      return 'turn'
    }
  }

  #isDue(end: number): boolean {
    const engine = this.#steps.peek()
    return engine !== undefined && engine.at <= end
  }

  #step(engine: EngineCore): void {
    const at = engine.at
    this.#steps.remove(engine)
    if (engine.busyUntil > at) {
      this.#place(engine, at)
      return
    }
    if (at > this.#time) {
      this.#moveTo(at)
      this.#stepsAtInstant = 0
    } else if (++this.#stepsAtInstant > this.#stuckSteps) {
      throw new XenError(
        'CLOCK_STUCK',
        `engine '${engine.name}' and others ran ${this.#stuckSteps} steps at ${at} ns; a poller that always has more work charges nothing`,
      )
    }
    this.#current = engine
    try {
      this.stepTime[0] = at
      engine.step()
    } finally {
      this.#current = undefined
      if (!engine.removed) this.#place(engine, engine.hasWork ? at : engine.nextTimer)
    }
  }

  #moveTo(time: number): void {
    this.#time = time
    this.instant++
  }

  /** Puts the engine's next step at `at`, or at the end of what it has charged; an earlier place stays. */
  #place(engine: EngineCore, at: number): void {
    const start = Math.max(at, engine.busyUntil)
    if (start === Infinity) return
    if (engine.heapIndex >= 0) {
      if (engine.at <= start) return
      this.#steps.remove(engine)
    }
    engine.at = start
    engine.sequence = this.#sequence++
    this.#steps.push(engine)
  }
}
