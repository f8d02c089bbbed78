import type { Cost, CostTable } from './cost-table.js'

/** How much a poller may do in one call: NAPI's weight. */
export const POLL_BUDGET = 64

/** Work that comes in bursts and is bounded per call, as a NAPI context is. */
export interface Poller {
  readonly name: string
  /** Does at most `budget` units of work. True: there is more, call again in the next step. */
  poll(budget: number): boolean
}

/** A poller's registration with its engine. */
export interface PollHandle {
  /** Asks for one call of `poll` in the engine's next step; nothing when one is already asked for. */
  schedule(): void
  /** Takes that wish back, also from inside the poller's own call (whose `true` is then ignored). */
  cancel(): void
  readonly scheduled: boolean
  /** Ends the registration for good; later calls of `schedule` do nothing. */
  remove(): void
}

/** Units of work, by the kinds of cost that a ring's end has. */
export interface WorkUnits {
  readonly frames: number
  readonly slots: number
  readonly grantOps: number
  readonly bytesCopied: number
  readonly bytesSummed: number
}

/** A timer of {@link Engine.after}. */
export interface Timer {
  /** Does nothing once it has fired, or twice. */
  cancel(): void
  /**
   * Runs the same work once `ns` nanoseconds have passed, whether the timer has fired, was cancelled or still waits. What
   * runs at intervals asks for it from its own work, so that no interval makes a new timer.
   */
  again(ns: number): void
}

/**
 * One virtual CPU. It runs in steps, and each step in a fixed order: the upcall if one is pending, the timers that are
 * due, deferred work, then each scheduled poller once in the order of registration. Nothing interrupts a step.
 */
export interface Engine {
  readonly name: string
  readonly costs: CostTable
  /** A step is under way. */
  readonly running: boolean
  /**
   * Nanoseconds. Inside a step: its start, under the virtual clock plus what was charged in it so far. A step is short,
   * and looking at the machine's clock costs as much as a frame's way over a ring.
   */
  now(): number
  /** Writes `now()` to `into[at]`. For the frame path: a time that a call returns is boxed, 16 bytes of garbage. */
  stamp(into: Float64Array, at: number): void
  /** Counts `count` units of work; under the virtual clock they also take their time. Allocates nothing. */
  charge(cost: Cost, count: number): void
  /** As `charge` for each kind of unit in `work`, which stays as it is: `Work.settle` clears it. */
  chargeWork(work: WorkUnits): void
  /** Units of this kind charged so far: a stage that charges nothing shows here. */
  charged(cost: Cost): number
  /** All that was charged so far, in nanoseconds of this engine's table. */
  readonly busyNs: number
  addPoller(poller: Poller): PollHandle
  /** Runs `work` on this engine once `ns` nanoseconds have passed. Equal times fire in the order of the calls. */
  after(ns: number, work: () => void): Timer
  /**
   * Runs `work` on this engine soon, in the order of the calls: in the step under way if that has not come to its
   * deferred work yet, otherwise in the next.
   */
  defer(work: () => void): void
  /** An upcall is pending. An idle engine is woken and pays 'wakeup'. */
  raise(): void
  /** Adds a handler of upcalls; the function returned takes it away. */
  onUpcall(handler: () => void): () => void
  /**
   * Takes no step until {@link unpause}, as a paused domain's vCPU: upcalls stay pending, timers that come due fire then.
   * Inside a step, that one is its last. Nothing if it stands already.
   */
  pause(): void
  unpause(): void
  /**
   * A promise chain is in flight until the matching `asyncEnd`: between any two steps of the timeline all microtasks
   * run, so that the chain goes on at the virtual instant it was resolved at.
   */
  asyncBegin(): void
  asyncEnd(): void
}

/** When a run ends, beside `stop()`. */
export interface RunOptions {
  /** Nanoseconds from now. The virtual clock stands exactly there afterwards, also if nothing was due. */
  readonly for?: number
  /** Asked between steps. */
  readonly until?: () => boolean
}

/** Time, and the engines that live in it. Two hosts joined by a wire share one. */
export interface Timeline {
  /** Nanoseconds since the timeline began; inside a step, that engine's `now()`. */
  now(): number
  readonly virtual: boolean
  /** Nanoseconds of the machine's clock that `now()` leaves out: it ran others while engines had work. Virtual: 0. */
  readonly stolenNs: number
  engine(name: string, costs?: CostTable): Engine
  /** Forgets an engine with all its work. It never steps again. */
  removeEngine(engine: Engine): void
  /**
   * Runs the engines. Virtual: until nothing is due any more, or `for` nanoseconds passed, or `until()`.
   * Real: until `for` nanoseconds passed, or `until()`, or `stop()`.
   * Rejects with what a step threw, or with XenError 'CLOCK_RUNNING' if a run is under way.
   */
  run(options?: RunOptions): Promise<void>
  /** Ends the run under way after the current step. */
  stop(): void
  /** As the engine's own: for a promise chain that belongs to no engine. */
  asyncBegin(): void
  asyncEnd(): void
}
