import type { Frame } from '@netaccel/packet'
import type { QueueSide } from '../fast-path.js'

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
  /** The parked frame begins to wait for the hardware. */
  watch(): void
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
  private wakeAsked: boolean
  private readonly onWake: () => void

  constructor(queue: QueueSide, owner: ParkingOwner) {
    this.queue = queue
    this.owner = owner
    this.frame = null
    this.cause = 'busy'
    this.retry = false
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

  /** The frame waits for the hardware: room in it, or what it still holds of the frame's flow. */
  get waits(): boolean {
    const { frame, cause } = this
    return frame !== null && (cause === 'busy' || (cause === 'to-slow' && !this.owner.fastLeft(frame)))
  }

  /** Something was completed: there may be room. */
  completed(): void {
    this.retry = true
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
    if (cause !== 'to-fast') this.owner.watch()
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
}
