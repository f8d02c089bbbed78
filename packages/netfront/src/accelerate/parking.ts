import type { Frame } from '@netaccel/packet'
import type { QueueSide } from '../fast-path.js'

/** A frame that waits so long for the hardware, without a completion, shows that it stands still (tx_timeout). */
const TX_TIMEOUT_NS = 1_000_000_000

/**
 * What a parked frame waits for. 'busy': room in the hardware. 'to-fast': that the slow frames of its flow have left.
 * 'to-slow': that the lent frames of its flow have left, then a slot of the ring.
 */
export type ParkingCause = 'busy' | 'to-fast' | 'to-slow'

/** What the parking place asks of the fast path it belongs to. */
export interface ParkingOwner {
  /** Offer the parked frame again. 'taken': it is gone. Never called inside a hook. */
  offerAgain(frame: Frame): 'taken' | 'busy' | 'declined'
  /** No slow frame of this frame's flow is on the way. */
  slowLeft(frame: Frame): boolean
  /** No lent frame of this frame's flow is on the way, or it is not to wait for them any more. */
  fastLeft(frame: Frame): boolean
  /** The parked frame is about to go by the ring. */
  diverted(frame: Frame): void
  /** A frame has waited a second for the hardware, without a completion. */
  timedOut(): void
}

/**
 * The one frame of a queue that waits. While it stands the queue is stopped, so it is always the next to go.
 */
export class Parking {
  private readonly queue: QueueSide
  private readonly owner: ParkingOwner
  private frame: Frame | null
  private cause: ParkingCause
  /** Room may have appeared since the frame was offered last. */
  private retry: boolean
  /** Since when it waits. In an array: a field, or a call's answer, would be boxed with each poll that finds completions. */
  private readonly waitingSince: Float64Array
  private timer: { cancel(): void } | null
  private wakeAsked: boolean
  private readonly onWake: () => void

  constructor(queue: QueueSide, owner: ParkingOwner) {
    this.queue = queue
    this.owner = owner
    this.frame = null
    this.cause = 'busy'
    this.retry = false
    this.waitingSince = new Float64Array(1)
    this.timer = null
    this.wakeAsked = false
    this.onWake = () => this.woken()
  }

  get empty(): boolean {
    return this.frame === null
  }

  /** Keep the frame until what it waits for has come. The place is empty: a queue with a parked frame is stopped. */
  park(frame: Frame, cause: ParkingCause): void {
    this.frame = frame
    this.retry = false
    this.become(cause)
  }

  /** Something was completed: the hardware moves, and there may be room. */
  completed(): void {
    this.retry = true
    this.queue.engine.stamp(this.waitingSince, 0)
  }

  /** Room may have appeared. May be called inside a hook, so nothing is offered before the engine's next step. */
  wake(): void {
    this.retry = true
    if (this.wakeAsked) return
    this.wakeAsked = true
    this.queue.engine.defer(this.onWake)
  }

  /** The frame, and none after it, goes to the hardware any more: it goes by the ring, when it may. */
  divert(): void {
    if (this.frame !== null) this.become('to-slow')
    this.settle()
  }

  /** The hardware is waited for no more; what is still parked goes by the ring. */
  leave(): void {
    this.timer?.cancel()
    this.timer = null
  }

  /** Take over what another place still holds. */
  inherit(before: Parking): void {
    this.frame = before.frame
    this.cause = 'to-slow'
    before.frame = null
  }

  /** Let the frame go if what it waits for has come. */
  settle(): void {
    const frame = this.frame
    if (frame === null) return
    if (this.cause === 'to-slow') {
      this.send(frame)
      return
    }
    if (this.cause === 'busy' ? !this.retry : !this.owner.slowLeft(frame)) return
    this.retry = false
    const answer = this.owner.offerAgain(frame)
    if (answer === 'taken') this.frame = null
    else if (answer === 'declined') this.divert()
    else if (this.cause === 'to-fast') this.become('busy')
  }

  private become(cause: ParkingCause): void {
    this.cause = cause
    this.queue.engine.stamp(this.waitingSince, 0)
    if (cause !== 'to-fast') this.watch(TX_TIMEOUT_NS)
  }

  private send(frame: Frame): void {
    if (!this.owner.fastLeft(frame) || !this.queue.sendSlow(frame)) return
    this.frame = null
    this.owner.diverted(frame)
    this.queue.flushSlow()
  }

  private woken(): void {
    this.wakeAsked = false
    this.settle()
    this.queue.wakeIfReady()
  }

  /** One timer at a time; it looks again for as long as something waits for the hardware. */
  private watch(ns: number): void {
    if (this.timer !== null) return
    this.timer = this.queue.engine.after(ns, () => {
      this.timer = null
      const { frame, cause } = this
      if (frame === null || cause === 'to-fast' || (cause === 'to-slow' && this.owner.fastLeft(frame))) return
      const left = this.waitingSince[0] + TX_TIMEOUT_NS - this.queue.engine.now()
      if (left > 0) this.watch(left)
      else this.owner.timedOut()
    })
  }
}
