import { Charges } from './charges.js'
import type { Cost, CostTable } from './cost-table.js'
import type { Engine, PollHandle, Poller, Timer, WorkUnits } from './engine.js'
import { EngineTimer } from './engine-timer.js'
import type { TimerOwner } from './engine-timer.js'
import { XenError } from './errors.js'
import { Heap } from './heap.js'
import type { HeapItem } from './heap.js'
import { PollSlot } from './poll-slot.js'
import type { PollOwner } from './poll-slot.js'

/** What an engine asks of the clock it lives in. */
export interface EngineClock {
  readonly virtual: boolean
  /** When the step under way began. In an array: a number handed on from step to step would be boxed each time. */
  readonly stepTime: Float64Array
  /** Another whole number after every move of the clock. */
  readonly instant: number
  /** The time now: inside a step that engine's, otherwise the clock's. */
  now(): number
  /** The engine has work that can start now, or a first timer that moved. */
  wake(engine: EngineCore): void
  /** A number larger than all it gave before: breaks ties in time. */
  nextSequence(): number
  asyncBegin(): void
  asyncEnd(): void
}

/** Places of an engine's times. */
const LOOKED = 0
const ARMED = 1

/**
 * The engine of both clocks. The fields in the first group are the clock's: where the engine stands in its heap, and
 * until when it is busy with what it has charged.
 */
export class EngineCore implements Engine, HeapItem, TimerOwner, PollOwner {
  heapIndex = -1
  at = 0
  sequence = 0
  removed = false

  readonly name: string
  readonly costs: CostTable
  private readonly clock: EngineClock
  private readonly charges: Charges
  private readonly pollers: PollSlot[] = []
  private readonly timers = new Heap<EngineTimer>()
  /** The time at which timers are looked at, and that at which the last was armed: an answer of `now()` would be boxed. */
  private readonly time = new Float64Array(2)
  private readonly upcallHandlers: (() => void)[] = []
  private deferred: (() => void)[] = []
  private deferredSpare: (() => void)[] = []
  private pollsScheduled = 0
  private pollersRemoved = 0
  /** Promise chains announced and not ended. */
  private chains = 0
  private upcallPending = false
  private wokenFromIdle = false
  /** A step is under way. Changed here alone. */
  running = false
  private paused = false
  private freeFrom = 0
  /** The instant of the first charge between two steps, and its time. */
  private outsideInstant = 0
  private outsideSince = 0

  constructor(clock: EngineClock, name: string, costs: CostTable) {
    this.clock = clock
    this.name = name
    this.costs = costs
    this.charges = new Charges(name, costs)
  }

  now(): number {
    const clock = this.clock
    if (!clock.virtual) return this.running ? clock.stepTime[0] : clock.now()
    if (this.running) return clock.stepTime[0] + this.charges.openNs
    return this.freeAt()
  }

  stamp(into: Float64Array, at: number): void {
    const clock = this.clock
    if (this.running && !clock.virtual) into[at] = clock.stepTime[0]
    else into[at] = this.now()
  }

  charge(cost: Cost, count: number): void {
    if (!this.running && this.clock.instant !== this.outsideInstant) this.openOutside()
    this.charges.add(cost, count)
  }

  chargeWork(work: WorkUnits): void {
    if (!this.running && this.clock.instant !== this.outsideInstant) this.openOutside()
    this.charges.addWork(work)
  }

  charged(cost: Cost): number {
    return this.charges.count(cost)
  }

  get busyNs(): number {
    return this.charges.totalNs
  }

  addPoller(poller: Poller): PollHandle {
    const slot = new PollSlot(this, poller)
    this.pollers.push(slot)
    return slot
  }

  after(ns: number, work: () => void): Timer {
    const timer = new EngineTimer(this, work)
    this.arm(timer, ns)
    return timer
  }

  /** For its timers: due `ns` nanoseconds from now, and no more when it was due before. */
  arm(timer: EngineTimer, ns: number): void {
    if (!(ns >= 0))
      throw new XenError('BAD_ARGUMENT', `a timer on engine '${this.name}' was asked for in ${ns} ns`)
    const timers = this.timers
    timers.remove(timer)
    const time = this.time
    this.stamp(time, ARMED)
    timer.at = time[ARMED] + ns
    timer.sequence = this.clock.nextSequence()
    if (this.removed) return
    timers.push(timer)
    if (timers.peek() === timer) this.wake()
  }

  disarm(timer: EngineTimer): void {
    this.timers.remove(timer)
  }

  defer(work: () => void): void {
    if (this.removed) return
    this.deferred.push(work)
    this.wake()
  }

  raise(): void {
    if (this.upcallPending || this.removed) return
    if (!this.running && !this.hasWork && this.isFree()) this.wokenFromIdle = true
    this.upcallPending = true
    this.wake()
  }

  onUpcall(handler: () => void): () => void {
    this.upcallHandlers.push(handler)
    return () => {
      const index = this.upcallHandlers.indexOf(handler)
      if (index >= 0) this.upcallHandlers.splice(index, 1)
    }
  }

  pause(): void {
    this.paused = true
  }

  unpause(): void {
    if (!this.paused) return
    this.paused = false
    this.wake()
  }

  asyncBegin(): void {
    if (this.removed) return
    this.chains++
    this.clock.asyncBegin()
  }

  asyncEnd(): void {
    if (this.removed) return
    if (this.chains === 0)
      throw new XenError(
        'BAD_STATE',
        `asyncEnd() of engine '${this.name}' was called more often than asyncBegin()`,
      )
    this.chains--
    this.clock.asyncEnd()
  }

  /**
   * For the clock, which forgets the engine: the chains that it had announced are given back, since what they wait for,
   * an answer to a dead domain mostly, may never come, and each open chain costs a turn of the event loop every step.
   */
  retire(): void {
    this.removed = true
    for (; this.chains > 0; this.chains--) this.clock.asyncEnd()
  }

  /** Something could run at once. */
  get hasWork(): boolean {
    if (this.paused) return false
    return this.upcallPending || this.pollsScheduled > 0 || this.deferred.length > 0
  }

  /** It has work at the clock's `stepTime`, or a timer that is due. */
  get isDue(): boolean {
    if (this.hasWork) return true
    const timer = this.paused ? undefined : this.timers.peek()
    return timer !== undefined && timer.at <= this.clock.stepTime[0]
  }

  /** When the first timer is due; Infinity without one, or while it is paused. */
  get nextTimer(): number {
    return this.paused ? Infinity : (this.timers.peek()?.at ?? Infinity)
  }

  /** Virtual clock: until when it is busy with what it was charged; no step may start before. */
  get busyUntil(): number {
    this.closeOutside()
    return this.freeFrom
  }

  /** What is charged between two steps, by promise chains mostly, takes its time from the instant of the charge. */
  private openOutside(): void {
    this.closeOutside()
    this.outsideInstant = this.clock.instant
    this.outsideSince = this.clock.now()
  }

  private closeOutside(): void {
    if (this.running || !this.clock.virtual) return
    const ns = this.charges.settle()
    if (ns > 0) this.freeFrom = Math.max(this.freeFrom, this.outsideSince) + ns
  }

  /** What it has charged is over: on a real clock it always is. */
  private isFree(): boolean {
    return !this.clock.virtual || this.freeAt() <= this.clock.now()
  }

  /** The earliest moment at which it could do anything. */
  private freeAt(): number {
    return Math.max(this.busyUntil, this.clock.now())
  }

  /**
   * Runs one step, which starts at the clock's `stepTime`. Under a virtual clock it is busy afterwards for as long as
   * was charged in it; under a real one charges only count.
   */
  step(): void {
    const { virtual, stepTime } = this.clock
    if (virtual) this.closeOutside()
    // It was given its place before it was paused.
    if (this.paused) return
    this.running = true
    try {
      if (this.upcallPending) this.runUpcall()
      this.runTimers()
      if (this.deferred.length > 0) this.runDeferred()
      if (this.pollsScheduled > 0) this.runPollers()
    } finally {
      this.running = false
      if (virtual) this.freeFrom = stepTime[0] + this.charges.settle()
    }
  }

  pollScheduled(): void {
    this.pollsScheduled++
    this.wake()
  }

  pollCancelled(): void {
    this.pollsScheduled--
  }

  /** The list keeps its order while it is walked, so a registration leaves it between two steps. */
  pollRemoved(): void {
    this.pollersRemoved++
    if (!this.running) this.dropRemoved()
  }

  private wake(): void {
    if (!this.running && !this.paused && !this.removed) this.clock.wake(this)
  }

  private runUpcall(): void {
    this.upcallPending = false
    if (this.wokenFromIdle) {
      this.wokenFromIdle = false
      this.charge('wakeup', 1)
    }
    const handlers = this.upcallHandlers
    for (let index = 0; index < handlers.length; index++) handlers[index]()
  }

  /** Timers due when this phase starts. One that re-arms itself with 0 ns is of the next step. */
  private runTimers(): void {
    const timers = this.timers
    let timer = timers.peek()
    if (timer === undefined) return
    const time = this.time
    this.stamp(time, LOOKED)
    if (timer.at > time[LOOKED]) return
    const last = this.clock.nextSequence()
    while (timer !== undefined && timer.at <= time[LOOKED] && timer.sequence < last) {
      timers.remove(timer)
      timer.work()
      timer = timers.peek()
    }
  }

  private runDeferred(): void {
    const batch = this.deferred
    this.deferred = this.deferredSpare
    for (let index = 0; index < batch.length; index++) batch[index]()
    batch.length = 0
    this.deferredSpare = batch
  }

  private runPollers(): void {
    const pollers = this.pollers
    for (let index = 0; index < pollers.length && this.pollsScheduled > 0; index++) {
      const slot = pollers[index]
      if (!slot.scheduled) continue
      this.charges.add('poll', 1)
      slot.run()
    }
    if (this.pollersRemoved > 0) this.dropRemoved()
  }

  private dropRemoved(): void {
    this.pollersRemoved = 0
    const kept = this.pollers.filter((slot) => !slot.removed)
    this.pollers.length = 0
    this.pollers.push(...kept)
  }
}
