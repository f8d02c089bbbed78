import type { Frame } from '@netaccel/packet'

/** The part of an engine that the stage needs. */
export interface DelayEngine {
  after(ns: number, work: () => void): { cancel(): void }
  charge(cost: 'frame', count: number): void
}

/**
 * A stage of the driver domain's own stack in which frames stay for a while, as in a queueing discipline, a netfilter queue
 * or a socket that nobody reads: to be put behind a local port of the bridge. For experiments: it makes a timer for each
 * frame.
 */
export class DelayingStage {
  private readonly engine: DelayEngine
  private readonly delay: (frame: Frame) => number
  private readonly out: (frame: Frame) => void
  private readonly waiting: Map<Frame, { cancel(): void }>

  /** `delay`: how long a frame stays, ns. `out`: takes it then, and owns it. */
  constructor(engine: DelayEngine, delay: (frame: Frame) => number, out: (frame: Frame) => void) {
    this.engine = engine
    this.delay = delay
    this.out = out
    this.waiting = new Map()
  }

  /** Frames that are here. */
  get count(): number {
    return this.waiting.size
  }

  /** A port's `send`: the frame is the stage's. */
  take(frame: Frame): void {
    this.engine.charge('frame', 1)
    const timer = this.engine.after(this.delay(frame), () => {
      this.waiting.delete(frame)
      this.out(frame)
    })
    this.waiting.set(frame, timer)
  }

  /** What is here goes no further. */
  close(): void {
    for (const [frame, timer] of this.waiting) {
      timer.cancel()
      frame.release()
    }
    this.waiting.clear()
  }
}
