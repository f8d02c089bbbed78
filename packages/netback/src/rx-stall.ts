// A guest that posts no pages: Linux xen-netback, xenvif_rx_queue_stalled and xenvif_rx_queue_ready (XSA-392).
import type { Engine } from '@netaccel/xen'

/** Linux rx_stall_timeout_msecs. */
export const STALL_TIMEOUT_NS = 60e9

/** How many queues of a vif are stalled: while one is, the vif's carrier is off and frames for it are dropped early. */
export class RxStalls {
  count = 0
}

/**
 * One queue to the guest. It is *stalled* when what waits in it lacks slots and nothing has been delivered for 60 s, and
 * *ready* again when what waits has its slots, or nothing waits any more. A queue begins as stalled and is ready at the first
 * look. A guest that does not tell of the pages it posts is not watched.
 */
export class RxStall {
  stalled: boolean
  /** How often it has stalled. */
  times: number
  private readonly engine: Engine
  private readonly stalls: RxStalls
  /** When something was last delivered, and now. */
  private readonly time: Float64Array
  private watching: boolean

  constructor(engine: Engine, stalls: RxStalls) {
    this.engine = engine
    this.stalls = stalls
    this.stalled = false
    this.times = 0
    this.time = new Float64Array(2)
    this.watching = false
  }

  /** A guest has connected; `rxNotify`: it tells of the pages it posts. */
  begin(rxNotify: boolean): void {
    this.end()
    this.watching = rxNotify
    if (rxNotify) this.set(true)
  }

  /** The guest is gone. */
  end(): void {
    this.set(false)
    this.watching = false
  }

  delivered(): void {
    this.engine.stamp(this.time, 0)
  }

  /** Look at the queue; `lacks`: what waits in it has not its slots. */
  look(lacks: boolean): void {
    if (!this.watching) return
    if (this.stalled) {
      if (lacks) return
      this.delivered()
      this.set(false)
    } else if (lacks && this.overdue()) {
      this.times++
      this.set(true)
    }
  }

  private overdue(): boolean {
    const { time } = this
    this.engine.stamp(time, 1)
    return time[1] - time[0] > STALL_TIMEOUT_NS
  }

  private set(stalled: boolean): void {
    if (this.stalled === stalled) return
    this.stalled = stalled
    this.stalls.count += stalled ? 1 : -1
  }
}
