import type { Frame } from '@netaccel/packet'
import type { QueueSide } from '../fast-path.js'

/** A frame that is busy for so long, without a completion, shows that the hardware stands still (tx_timeout). */
const TX_TIMEOUT_NS = 1_000_000_000

/** What the parking place asks of the fast path it belongs to. */
export interface ParkingOwner {
  /** Offer the parked frame again. 'taken': it is gone. Never called inside a hook. */
  offerAgain(frame: Frame): 'taken' | 'busy' | 'declined'
  /** A frame has been busy for a second without a completion. */
  timedOut(): void
}

/**
 * The one frame of a queue that waits: for room in the hardware, or, once it may not go that way any more, for a slot of
 * the ring. While it stands the queue is stopped, so it is always the next to go.
 */
export class Parking {
  private readonly queue: QueueSide
  private readonly owner: ParkingOwner
  private frame: Frame | null
  private toSlow: boolean
  /** Room may have appeared since the frame was offered last. */
  private retry: boolean
  private waitingSince: number
  private timer: boolean
  private wakeAsked: boolean
  private readonly onWake: () => void

  constructor(queue: QueueSide, owner: ParkingOwner) {
    this.queue = queue
    this.owner = owner
    this.frame = null
    this.toSlow = false
    this.retry = false
    this.waitingSince = 0
    this.timer = false
    this.wakeAsked = false
    this.onWake = () => this.woken()
  }

  get empty(): boolean {
    return this.frame === null
  }

  /** There was no room for the frame. The place is empty: a queue with a parked frame is stopped. */
  park(frame: Frame): void {
    this.frame = frame
    this.toSlow = false
    this.retry = false
    this.waitingSince = this.queue.engine.now()
    this.watch(TX_TIMEOUT_NS)
  }

  /** Something was completed: the hardware moves, and there may be room. */
  completed(): void {
    this.retry = true
    this.waitingSince = this.queue.engine.now()
  }

  /** Room may have appeared. May be called inside a hook, so nothing is offered before the engine's next step. */
  wake(): void {
    this.retry = true
    if (this.wakeAsked) return
    this.wakeAsked = true
    this.queue.engine.defer(this.onWake)
  }

  /** The frame, and none after it, goes to the hardware any more: it goes by the ring, now or when a slot is free. */
  divert(): void {
    this.toSlow = true
    this.send()
  }

  /** Take over what another place still holds. */
  inherit(before: Parking): void {
    this.frame = before.frame
    this.toSlow = true
    before.frame = null
  }

  /** Let the frame go if anything has changed for it. */
  settle(): void {
    const frame = this.frame
    if (frame === null) return
    if (this.toSlow) {
      this.send()
      return
    }
    if (!this.retry) return
    this.retry = false
    const answer = this.owner.offerAgain(frame)
    if (answer === 'taken') this.frame = null
    else if (answer === 'declined') this.divert()
  }

  private send(): void {
    const frame = this.frame
    if (frame === null || !this.queue.sendSlow(frame)) return
    this.frame = null
    this.queue.flushSlow()
  }

  private woken(): void {
    this.wakeAsked = false
    this.settle()
    this.queue.wakeIfReady()
  }

  /** One timer at a time; it looks again for as long as something is parked. */
  private watch(ns: number): void {
    if (this.timer) return
    this.timer = true
    this.queue.engine.after(ns, () => {
      this.timer = false
      if (this.frame === null || this.toSlow) return
      const left = this.waitingSince + TX_TIMEOUT_NS - this.queue.engine.now()
      if (left > 0) this.watch(left)
      else this.owner.timedOut()
    })
  }
}
