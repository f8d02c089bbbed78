import { cpuUsage, hrtime } from 'node:process'
import { defaultCosts } from './cost-table.js'
import type { CostTable } from './cost-table.js'
import { EngineCore } from './engine-core.js'
import type { EngineClock } from './engine-core.js'
import type { Engine, RunOptions, Timeline } from './engine.js'
import { XenError } from './errors.js'

/**
 * The longest the loop lets Node's own event loop wait while engines have work: signals, child processes, sockets. A turn
 * leaves about 500 bytes in Node itself, more than all frames between two turns. What needs the
 * event loop sooner announces a chain, which makes it turn each round; the outside of `idle` is looked at all the time.
 */
const YIELD_NS = 100_000_000
/** The longest one idle wait: what a signal, a promise or `until` may wait for. */
const IDLE_NS = 2_000_000
/** How often the outside world is looked at while engines have work. */
const LOOK_NS = 50_000
/** Shorter waits are spun, since a Node timer has a resolution of one millisecond. */
const SLEEP_NS = 1_000_000

/** A longer time between two rounds is looked into: was the thread at work, or did the machine run somebody else? */
const GAP_NS = 2_000_000

const TURN = 0
const LOOK = 1
const END = 2
const BUSY = 3
const USED = 4
const ORIGIN = 5
const STOLEN = 6
const LATEST = 7

type Pause = 'turn' | 'idle' | 'over'

/** Lets Node's event loop turn once: every microtask runs, then what is ready outside. About a microsecond. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Settles after `ns` nanoseconds of the machine's clock, to the millisecond. For loops that live outside the engines. */
export function machineSleep(ns: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ns / 1e6))
}

/** Monotonic nanoseconds of the machine. V8 spares the pair; what `performance.now()` returns it would box. */
export function monotonicNs(): number {
  const time = hrtime()
  return time[0] * 1e9 + time[1]
}

export interface RealClockOptions {
  /**
   * Waits at most `maxNs` nanoseconds for the outside world, poll(2) over TAP descriptors for instance, and schedules
   * the pollers of what is ready. Called with 0 from time to time while engines have work. Without it an idle clock
   * sleeps in Node's event loop.
   */
  readonly idle?: (maxNs: number) => void
}

/**
 * The machine's own time. Engines with work step in turn; charges only count. An idle clock waits for the next timer,
 * for `idle`, or for Node's event loop, which turns whenever engines have no work, each round while a promise chain is
 * announced, and otherwise 10 times a second, so that signals and child processes go on.
 *
 * Time that the machine gave to other processes while engines had work does not count, as stolen time does not for a
 * guest's scheduler (Xen public/vcpu.h, RUNSTATE_runnable): nobody's deadline passes while nobody could have met it.
 */
export class RealClock implements Timeline, EngineClock {
  readonly virtual = false
  /** Charges only count here, so no engine asks when they were. */
  readonly instant = 0
  /** The time of the round under way: one look at the clock for all engines. */
  readonly stepTime = new Float64Array(1)
  private readonly list: EngineCore[] = []
  private readonly idle: ((maxNs: number) => void) | undefined
  private sequence = 0
  private openChains = 0
  private running = false
  private waited = true
  private stopped = false
  /**
   * When the event loop turned last, when the outside was looked at last, when the run under way ends; since when
   * engines have had work without a wait, and the processor time that was used by then; the machine's time at which this
   * clock stood at 0, moved by what was stolen, and the sum of that; the latest time that was told. In an array, since a field would be boxed anew.
   */
  private readonly times = new Float64Array(8)
  private until: (() => boolean) | undefined
  private resolve: () => void = nothing
  private reject: (reason: unknown) => void = nothing
  private awaken: (() => void) | undefined

  constructor(options: RealClockOptions = {}) {
    this.times[ORIGIN] = monotonicNs()
    this.idle = options.idle
  }

  /** Engines that were not removed. */
  get engines(): number {
    return this.list.length
  }

  /** Promise chains that were announced and have not ended. */
  get chains(): number {
    return this.openChains
  }

  now(): number {
    const times = this.times
    const now = monotonicNs() - times[ORIGIN]
    // It stands still after stolen time, and never goes back.
    if (now > times[LATEST]) times[LATEST] = now
    return times[LATEST]
  }

  engine(name: string, costs: CostTable = defaultCosts): Engine {
    const engine = new EngineCore(this, name, costs)
    this.list.push(engine)
    return engine
  }

  removeEngine(engine: Engine): void {
    if (!(engine instanceof EngineCore)) return
    const index = this.list.indexOf(engine)
    if (index < 0) return
    engine.retire()
    this.list.splice(index, 1)
  }

  /** Nanoseconds that did not count: the machine ran others while engines had work. */
  get stolenNs(): number {
    return this.times[STOLEN]
  }

  asyncBegin(): void {
    this.openChains++
  }

  asyncEnd(): void {
    if (this.openChains === 0)
      throw new XenError('BAD_STATE', 'asyncEnd() was called more often than asyncBegin()')
    this.openChains--
  }

  nextSequence(): number {
    return this.sequence++
  }

  wake(): void {
    this.awaken?.()
  }

  stop(): void {
    this.stopped = true
    this.awaken?.()
  }

  async run(options: RunOptions = {}): Promise<void> {
    if (this.running)
      throw new XenError('CLOCK_RUNNING', 'this clock runs already; await that run before the next one')
    this.running = true
    this.waited = true
    this.stopped = false
    this.until = options.until
    this.times[END] = options.for === undefined ? Infinity : this.now() + options.for
    try {
      await new Promise<void>((resolve, reject) => {
        this.resolve = resolve
        this.reject = reject
        setImmediate(this.turned)
      })
    } finally {
      this.running = false
      this.until = undefined
      this.resolve = nothing
      this.reject = nothing
    }
  }

  /**
   * The run goes on after a turn of the event loop. One callback for all turns: an async loop would leave promises,
   * closures and frames behind on each, more than all frames between two turns do.
   */
  private readonly turned = (): void => this.resume(false)
  /** The same after the turn that comes before a wait for the outside world. */
  private readonly turnedIdle = (): void => this.resume(true)

  private resume(idle: boolean): void {
    try {
      if (idle && !this.stopped && !this.hasWork()) this.look(this.idleNs())
      if (this.waited) this.beginWork()
      const pause = this.rounds()
      if (pause === 'over') this.resolve()
      else if (pause === 'turn') setImmediate(this.turned)
      else this.wait()
    } catch (error) {
      this.reject(error)
    }
  }

  /** Rounds until the event loop must turn, no engine has work, or the run is over. */
  private rounds(): Pause {
    const time = this.stepTime
    const times = this.times
    const until = this.until
    let begun = false
    for (;;) {
      if (this.stopped || (until !== undefined && until())) return 'over'
      const now = monotonicNs() - times[ORIGIN]
      time[0] = now - time[0] < GAP_NS ? now : now - this.giveBack(now)
      if (!begun) times[TURN] = time[0]
      begun = true
      if (time[0] >= times[END]) return 'over'
      if (!this.round()) return 'idle'
      if (time[0] - times[LOOK] >= LOOK_NS) this.look(0)
      if (this.openChains > 0 || time[0] - times[TURN] >= YIELD_NS) return 'turn'
    }
  }

  /** From now on time counts only while the thread is at work. */
  private beginWork(): void {
    this.waited = false
    this.stepTime[0] = this.times[BUSY] = monotonicNs() - this.times[ORIGIN]
    this.times[USED] = processorNs()
  }

  /** Takes out of the time since `BUSY` what the thread was not run for. Returns it. */
  private giveBack(now: number): number {
    const times = this.times
    const used = processorNs()
    const stolen = Math.min(now - this.stepTime[0], Math.max(0, now - times[BUSY] - (used - times[USED])))
    times[ORIGIN] += stolen
    times[STOLEN] += stolen
    times[BUSY] = now - stolen
    times[USED] = used
    return stolen
  }

  /** One step of each engine that has something to do. False: none had. */
  private round(): boolean {
    const engines = this.list
    let worked = false
    for (let index = 0; index < engines.length; index++) {
      const engine = engines[index]
      if (!engine.isDue) continue
      worked = true
      engine.step()
    }
    return worked
  }

  private nextTimer(): number {
    let next = Infinity
    for (const engine of this.list) next = Math.min(next, engine.nextTimer)
    return next
  }

  private look(maxNs: number): void {
    if (this.idle === undefined) return
    this.times[LOOK] = this.stepTime[0]
    this.idle(maxNs)
  }

  /** How long nobody needs this thread: until the run ends or a timer is due, within bounds. */
  private idleNs(): number {
    const next = Math.min(this.times[END], this.nextTimer())
    return Math.max(0, Math.min(next - this.now(), IDLE_NS))
  }

  private wait(): void {
    this.waited = true
    // Microtasks first: a promise that is ready may bring work, and poll(2) would keep it waiting.
    if (this.idle !== undefined) {
      setImmediate(this.turnedIdle)
      return
    }
    const ns = this.idleNs()
    if (ns < SLEEP_NS) setImmediate(this.turned)
    else this.sleep(ns)
  }

  private hasWork(): boolean {
    return this.list.some((engine) => engine.hasWork)
  }

  /** Sleeps in Node's event loop; work that arrives meanwhile, from a child process for instance, ends it at once. */
  private sleep(ns: number): void {
    const done = (): void => {
      clearTimeout(timeout)
      this.awaken = undefined
      // Not here: whoever brings work is in the middle of its own.
      queueMicrotask(this.turned)
    }
    const timeout = setTimeout(done, ns / 1e6)
    this.awaken = done
  }
}

function nothing(): void {
  // No run is under way.
}

/** Processor time of this process: of all its threads, so that a collector or compiler at work counts as ours. */
function processorNs(): number {
  const { user, system } = cpuUsage()
  return (user + system) * 1000
}
