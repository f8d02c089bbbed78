import type { Timer } from './engine.js'
import type { HeapItem } from './heap.js'

/** What a timer asks of its engine. */
export interface TimerOwner {
  /** Due `ns` nanoseconds from now, and no more when it was due before. */
  arm(timer: EngineTimer, ns: number): void
  disarm(timer: EngineTimer): void
}

/** A timer in its engine's heap, by the time at which it is due. */
export class EngineTimer implements Timer, HeapItem {
  heapIndex = -1
  at = 0
  sequence = 0
  readonly work: () => void
  private readonly engine: TimerOwner

  constructor(engine: TimerOwner, work: () => void) {
    this.engine = engine
    this.work = work
  }

  cancel(): void {
    this.engine.disarm(this)
  }

  again(ns: number): void {
    this.engine.arm(this, ns)
  }
}
