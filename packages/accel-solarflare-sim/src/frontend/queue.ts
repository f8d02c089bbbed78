// Stage 3f of a frame's way out and in, the accelerator's side: the hooks that netfront calls.
import type { AcceleratedQueue, Channel, Frame, FrontendQueue, Verdict } from '@netaccel/core'
import {
  EVENT_CONTROL,
  EVENT_KIND_MASK,
  EVENT_KIND_SHIFT,
  EVENT_RX,
  EVENT_RX_DISCARD,
  EVENT_TX,
  EVENT_TX_DISCARD,
  RX_UDP,
} from '@netaccel/nic-sim/constants'
import type { AcceptTest } from './accept.js'
import type { EventQueue } from './event-queue.js'
import { Lro } from './lro.js'
import type { LroParts } from './lro.js'
import type { Receiver } from './receiver.js'
import type { RxRing } from './rx-ring.js'
import type { Tally } from './tally.js'
import type { TxRing } from './tx-ring.js'

/** The stack holds nearly all buffers: look again after this long, in milliseconds of engine time. */
const REFILL_DELAY = 0.25

/** The parts of one VI, as the guest drives it. */
export interface Vnic {
  readonly events: EventQueue
  readonly tx: TxRing
  readonly rx: RxRing
  readonly receiver: Receiver
  readonly accept: AcceptTest
  /** Null: received segments are not merged. */
  readonly lro: LroParts | null
  /** Wake-ups of the VI; masked until armed. */
  readonly channel: Channel
  readonly tally: Tally
  /** A timer of the vif's scope; nothing happens once that closes. */
  after(ms: number, work: () => void): void
}

/** The hooks of the one queue. One object an attachment; nothing of it is used by another (LC-06). */
export class VnicQueue implements AcceleratedQueue {
  readonly txDepth: number
  readonly rxDepth: number
  private readonly vnic: Vnic
  private readonly queue: FrontendQueue
  /** Where received frames go: the host's end of the queue, or the merging before it. */
  private readonly received: FrontendQueue
  private readonly lro: Lro | null
  private readonly refillLater: () => void
  private armed: boolean
  private gone: boolean
  private refillWaits: boolean
  /** Events of the poll under way, by kind. */
  private rxEvents: number
  private txEvents: number
  /** Of this burst: descriptors written, bytes copied. */
  private postedDescriptors: number
  private postedBytes: number

  constructor(vnic: Vnic, queue: FrontendQueue) {
    this.txDepth = vnic.tx.capacity
    this.rxDepth = vnic.rx.depth
    this.vnic = vnic
    this.queue = queue
    this.lro = vnic.lro === null ? null : new Lro(queue, vnic.lro)
    this.received = this.lro ?? queue
    this.refillLater = () => {
      this.refillWaits = false
      this.schedule()
    }
    this.armed = false
    this.gone = false
    this.refillWaits = false
    this.rxEvents = 0
    this.txEvents = 0
    this.postedDescriptors = 0
    this.postedBytes = 0
  }

  accepts(frame: Frame): boolean {
    return this.vnic.accept.test(frame)
  }

  startXmit(frame: Frame): Verdict {
    const { vnic } = this
    const { accept } = vnic
    // "Cannot" before "busy", so that a parked frame is never declined later (TX-07).
    if (!accept.test(frame)) return 'declined'
    const copied = vnic.tally.bytesCopied
    const descriptors = vnic.tx.post(frame, accept.headerBytes)
    if (descriptors === 0) {
      vnic.tally.txBusy++
      return 'busy'
    }
    this.postedDescriptors += descriptors
    this.postedBytes += vnic.tally.bytesCopied - copied
    return 'accepted'
  }

  /** Shows and charges what the burst has posted. */
  flush(): void {
    const { queue } = this
    if (this.postedDescriptors > 0) queue.charge('descriptor', this.postedDescriptors)
    if (this.postedBytes > 0) queue.charge('byte', this.postedBytes)
    this.postedDescriptors = 0
    this.postedBytes = 0
    this.vnic.tx.flush()
  }

  hasRoom(): boolean {
    return this.vnic.tx.hasRoom()
  }

  poll(budget: number): 'idle' | 'more' {
    const { vnic, queue } = this
    const { events, tally } = vnic
    const most = events.capacity
    let delivered = 0
    let handled = 0
    while (delivered < budget && handled < most && events.next()) {
      handled++
      if (this.handle(events.word0, events.word1)) delivered++
    }
    if (this.lro !== null) this.lro.flush()
    this.count(handled)
    if (handled > 0) queue.charge('event', handled)
    events.credit()
    if (this.gone && !events.waiting) this.letGo()
    this.refill()
    if ((delivered < budget && handled < most) || !events.waiting) return 'idle'
    tally.pollRescheduleCount++
    return 'more'
  }

  startInterrupts(): 'armed' | 'waiting' {
    const { events, channel } = this.vnic
    if (events.waiting) return 'waiting'
    this.armed = true
    channel.unmask()
    // Looks and arms in one: the NIC wakes at once for an event that came after the look (IR-01).
    events.arm()
    return 'armed'
  }

  stopInterrupts(): void {
    this.armed = false
    this.vnic.channel.mask()
  }

  /** The VI's event channel: a wake-up from the backend half. */
  interrupt(): void {
    const { tally, channel } = this.vnic
    channel.mask()
    if (!this.armed) {
      tally.uselessIrqCount++
      return
    }
    this.armed = false
    tally.irqCount++
    tally.eventCountSinceIrq = 0
    this.schedule()
  }

  /**
   * The VI is gone: once a poll has read the last events, it fails the frames that are still lent and takes back the buffers
   * that are still posted.
   */
  viGone(): void {
    this.gone = true
    this.schedule()
  }

  /** What a poll that was left half done still holds goes back: nobody polls any more. */
  release(): void {
    this.lro?.release()
  }

  private letGo(): void {
    this.vnic.tx.failAll(this.queue)
    this.vnic.receiver.release()
    this.vnic.rx.releaseAll()
  }

  private schedule(): void {
    this.vnic.tally.pollScheduleCount++
    this.queue.schedule()
  }

  private count(handled: number): void {
    const { tally } = this.vnic
    const sinceIrq = tally.eventCountSinceIrq + handled
    tally.pollCallCount++
    tally.eventCount += handled
    tally.eventCountSinceIrq = sinceIrq
    if (sinceIrq > tally.eventsPerIrqMax) tally.eventsPerIrqMax = sinceIrq
    if (handled > tally.eventsPerPollMax) tally.eventsPerPollMax = handled
    if (this.rxEvents > tally.eventsPerPollRxMax) tally.eventsPerPollRxMax = this.rxEvents
    if (this.txEvents > tally.eventsPerPollTxMax) tally.eventsPerPollTxMax = this.txEvents
    this.rxEvents = 0
    this.txEvents = 0
  }

  /** True: a frame was delivered. */
  private handle(word0: number, word1: number): boolean {
    const { vnic, queue } = this
    switch ((word1 >>> EVENT_KIND_SHIFT) & EVENT_KIND_MASK) {
      case EVENT_RX:
        this.rxEvents++
        // The NIC says that it is UDP: nothing to merge, and the flows of TCP need not hear of it.
        return vnic.receiver.buffer(word0, word1, (word1 & RX_UDP) === 0 ? this.received : queue)
      case EVENT_TX:
        this.txEvents++
        if (!vnic.tx.completed(word0, word1, false, queue)) vnic.tally.badEventCount++
        return false
      case EVENT_RX_DISCARD:
        vnic.receiver.discard(word0, word1, queue)
        return false
      case EVENT_TX_DISCARD:
        if (!vnic.tx.completed(word0, word1, true, queue)) vnic.tally.badEventCount++
        return false
      case EVENT_CONTROL:
        // The NIC did not believe one of our doorbells: a defect of this half, if it is ever counted.
        vnic.tally.badEventCount++
        return false
      default:
        vnic.tally.badEventCount++
        return false
    }
  }

  private refill(): void {
    if (this.gone) return
    const { vnic, queue } = this
    const written = vnic.rx.refill()
    if (written > 0) queue.charge('descriptor', written)
    // No event will come for a buffer that the stack gives back, so somebody has to look.
    if (this.refillWaits || vnic.rx.posted >= vnic.rx.depth >>> 1) return
    this.refillWaits = true
    vnic.after(REFILL_DELAY, this.refillLater)
  }
}
