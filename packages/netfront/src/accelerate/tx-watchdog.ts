import type { Engine, Timer } from '@netaccel/xen'

/** Frames that wait so long for the hardware, without a completion, show that it stands still (tx_timeout). */
const TX_TIMEOUT_NS = 1_000_000_000

/** Who is watched. */
export interface WatchdogOwner {
  /** The stack waits for the hardware now. Asked once a second, never inside a hook. */
  stands(): boolean
  /** It has waited for a second, without a completion. */
  timedOut(): void
}

/**
 * The watchdog of one queue, as Linux dev_watchdog: hardware that stands still while the stack waits for it is noticed,
 * however the wait began. One timer at a time, and none while nothing waits.
 */
export class TxWatchdog {
  private readonly engine: Engine
  private readonly owner: WatchdogOwner
  /** When the wait began, or the hardware moved last. In an array: a field would be boxed with each completion. */
  private readonly since: Float64Array
  private readonly look: () => void
  private timer: Timer | null
  private running: boolean

  constructor(engine: Engine, owner: WatchdogOwner) {
    this.engine = engine
    this.owner = owner
    this.since = new Float64Array(1)
    this.look = () => this.looks()
    this.timer = null
    this.running = false
  }

  /** The stack begins to wait for the hardware, or may do so. */
  watch(): void {
    this.moved()
    if (!this.running) this.arm(TX_TIMEOUT_NS)
  }

  /** The hardware has completed or taken something. */
  moved(): void {
    this.engine.stamp(this.since, 0)
  }

  /** Nothing is waited for any more. A timer that still ran would keep the plugin's code until it fires. */
  leave(): void {
    this.timer?.cancel()
    this.timer = null
    this.running = false
  }

  private arm(ns: number): void {
    this.running = true
    if (this.timer === null) this.timer = this.engine.after(ns, this.look)
    else this.timer.again(ns)
  }

  private looks(): void {
    this.running = false
    if (!this.owner.stands()) return
    const left = this.since[0] + TX_TIMEOUT_NS - this.engine.now()
    if (left > 0) this.arm(left)
    else this.owner.timedOut()
  }
}
