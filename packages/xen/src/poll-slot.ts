import { POLL_BUDGET } from './engine.js'
import type { PollHandle, Poller } from './engine.js'

/** What a poller's place asks of its engine. */
export interface PollOwner {
  pollScheduled(): void
  pollCancelled(): void
  pollRemoved(): void
}

/** A poller's place in the order of its engine's. */
export class PollSlot implements PollHandle {
  scheduled = false
  removed = false
  /** Taken back inside the poller's own call, which outweighs the answer of that call. */
  private calledOff = false
  readonly poller: Poller
  private readonly engine: PollOwner

  constructor(engine: PollOwner, poller: Poller) {
    this.engine = engine
    this.poller = poller
  }

  schedule(): void {
    if (this.scheduled || this.removed) return
    this.scheduled = true
    this.engine.pollScheduled()
  }

  cancel(): void {
    this.calledOff = true
    if (!this.scheduled) return
    this.scheduled = false
    this.engine.pollCancelled()
  }

  /** One call of the poller, in its turn. */
  run(): void {
    this.cancel()
    this.calledOff = false
    if (this.poller.poll(POLL_BUDGET) && !this.calledOff) this.schedule()
  }

  remove(): void {
    this.cancel()
    if (this.removed) return
    this.removed = true
    this.engine.pollRemoved()
  }
}
