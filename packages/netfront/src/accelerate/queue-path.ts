// Stage 3f of a frame's way out and in, the host's side: what is lent to an accelerator and what it delivers.
import type { Frame } from '@netaccel/packet'
import { Lease, LEASE_BURST, LEASE_LENT, LEASE_POLL } from '@netaccel/core'
import type {
  AcceleratedVif,
  DropReason,
  Fault,
  PathParts,
  QueueGeneration,
  QueueHooks,
  AcceleratedQueue,
  View,
} from '@netaccel/core'
import type { FastPath, Offer, QueueSide } from '../fast-path.js'
import type { FastCounters } from './fast-counters.js'
import { LentTable } from './lent-table.js'
import { Parking } from './parking.js'
import type { ParkingCause, ParkingOwner } from './parking.js'
import { QueueDoors } from './queue-doors.js'
import { RxFence } from './rx-fence.js'
import type { RxFenceOwner } from './rx-fence.js'
import type { TxFence } from './tx-fence.js'

/** Most frames that a host lends on one queue, whatever the plugin's `txDepth` says. */
const MAX_DEPTH = 65536
/** Longest time that a frame waits for lent ones of its flow once the plugin leaves. */

/** What stays with a queue over all its attachments. */
export interface QueueKeep {
  readonly queue: QueueSide
  readonly hooks: QueueHooks
  readonly counters: FastCounters
  /** Null: flows may be overtaken by themselves when they change paths (for tests of the fence). */
  readonly txFence: TxFence | null
}

/** The fast path of one queue during one attachment: lends frames, parks one, counts at the doors. */
export class QueuePath implements FastPath, ParkingOwner, RxFenceOwner {
  readonly queue: QueueSide
  readonly counters: FastCounters
  readonly lease: Lease
  /** A poll of the plugin's is on the stack. */
  polling = false
  /** Frames that are lent now; made when the plugin has said how many it can have. */
  lent: LentTable
  more = false
  readonly unordered: boolean
  private readonly hooks: QueueHooks
  private readonly parts: PathParts
  private readonly doors: QueueDoors
  private readonly tx: boolean
  private readonly gso: boolean
  private readonly blank: boolean
  /** Keeps the order of what is sent; none for a plugin that sends nothing. */
  private readonly fence: TxFence | null
  private rxFence: RxFence | null = null
  private plugin: AcceleratedQueue | null = null
  private generation: QueueGeneration | null = null
  private gate = false
  private burst = false
  private accepted = 0
  private delivered = 0
  private completed = 0
  private budget = 0
  private readonly place: Parking
  private drained: (() => void) | null
  private quarantine: Frame[] = []

  constructor(keep: QueueKeep, parts: PathParts) {
    this.queue = keep.queue
    this.counters = keep.counters
    this.hooks = keep.hooks
    this.parts = parts
    this.lease = parts.lease.add(new Lease(`${parts.lease.name} queue ${keep.queue.index}`))
    this.doors = new QueueDoors(this, parts.tally)
    this.tx = parts.capabilities.has('tx')
    this.gso = parts.capabilities.has('tx-gso')
    this.blank = parts.capabilities.has('tx-checksum')
    this.fence = this.tx ? keep.txFence : null
    this.unordered = keep.txFence === null
    this.lent = new LentTable(1)
    this.place = new Parking(keep.queue, this)
    this.drained = null
  }

  /** Longest time that a frame is held back for the order of its flow, ns. */
  get holdNs(): number {
    return this.parts.holdNs
  }

  // --- attaching and detaching; never inside a burst or a poll

  /** Step 5. Throws what the plugin throws. */
  open(vif: AcceleratedVif): void {
    const plugin = vif.openQueue(this.doors)
    this.plugin = plugin
    this.lent = new LentTable(Math.min(Math.max(1, plugin.txDepth), MAX_DEPTH))
  }

  /** Step 5: the page over which the backend asks for frames to be held. */
  openRxFence(page: View): void {
    this.rxFence = new RxFence(this, page)
  }

  /** Step 6. */
  install(): void {
    const { plugin, queue, parts } = this
    if (plugin === null) return
    this.generation = this.hooks.install({
      name: parts.name,
      queue: plugin,
      lease: this.lease,
      onFault: (fault: Fault) => parts.onFault(queue.index, fault),
    })
    const { fence } = this
    fence?.reset()
    // What stands in the ring now is not answered before it has left, and its flows stay slow until then.
    if (fence !== null) queue.eachSlow((frame) => fence.slowSent(frame))
    // A frame that the last attachment had parked still waits for a slot of the ring.
    const before = queue.fastPath
    if (before instanceof QueuePath) this.place.inherit(before.place)
    queue.fastPath = this
    queue.schedulePoll()
  }

  openGate(): void {
    this.gate = true
  }

  /** Step 2 of a detach. A flow goes by the ring once its lent frames have left, or have had their time. */
  shutGate(): void {
    const { fence, queue } = this
    if (this.gate && fence !== null && this.lent.size > 0) {
      queue.engine.after(this.parts.holdNs, () => {
        if (this.generation === null || this.gate) return
        fence.expire()
        this.place.wake()
      })
    }
    this.gate = false
    this.place.divert()
    queue.wakeIfReady()
  }

  /** Calls `work` when a poll has found nothing, nothing is lent and nothing parked. */
  whenDrained(work: () => void): void {
    this.drained = work
    this.queue.schedulePoll()
  }

  /** Frames that are still lent are dropped, and kept aside until {@link quiet}. Their number. */
  force(): number {
    this.shutGate()
    this.doors.shut()
    this.hooks.remove()
    if (this.plugin !== null) this.counters.forced++
    const frames = this.lent.list()
    for (const frame of frames) {
      this.lent.remove(frame)
      this.counters.dropped.count('forced_detach', frame.segments, frame.length)
    }
    this.quarantine.push(...frames)
    this.lease.forfeit()
    this.fence?.forgetFast()
    this.rxFence?.close()
    this.place.wake()
    return frames.length
  }

  /** Step 5 of a detach. */
  clear(): void {
    this.generation?.stopInterrupts()
    this.hooks.remove()
    this.doors.shut()
    this.rxFence?.close()
    this.rxFence = null
    this.generation = null
    this.plugin = null
    this.gate = false
    this.leaveQueue()
    this.queue.schedulePoll()
    this.queue.wakeIfReady()
  }

  /** Frames kept aside until {@link quiet}. */
  get aside(): number {
    return this.quarantine.length
  }

  quiet(): void {
    for (const frame of this.quarantine.splice(0)) frame.release()
  }

  // --- the fork

  beginBurst(): boolean {
    if (this.generation === null) return false
    this.lease.take(LEASE_BURST)
    this.burst = true
    this.accepted = 0
    return this.place.empty && (this.gate || (this.fence !== null && this.lent.size > 0))
  }

  /** The rules (i) to (iii) of docs/adr/0008. */
  offer(frame: Frame): Offer {
    const { generation, fence } = this
    if (generation === null) return 'declined'
    const bucket = fence === null ? 0 : fence.bucketOf(frame)
    if (!this.gate) return this.byRing(frame, bucket)
    const able = this.mayOffer(frame)
    if (fence !== null && fence.fenced(bucket)) {
      const accepts = able && generation.accepts(frame) === true
      const step = fence.asked(bucket, accepts)
      if (step === 'to-fast') return this.park(frame, 'to-fast')
      if (step === 'ring') {
        if (accepts) this.counters.tx_fenced++
        else this.counters.tx_declined++
        return this.byRing(frame, bucket)
      }
    }
    if (!able) return this.declined(frame, bucket)
    if (this.lent.size >= this.lent.capacity)
      return generation.accepts(frame) ? this.park(frame, 'busy') : this.declined(frame, bucket)
    const verdict = generation.startXmit(frame)
    if (verdict === 'accepted') this.lend(frame, bucket)
    else if (verdict === 'busy') return this.park(frame, 'busy')
    else if (verdict === 'fault') this.dropFaulty(frame)
    else return this.declined(frame, bucket)
    return 'taken'
  }

  endBurst(): void {
    if (!this.burst) return
    this.burst = false
    if (this.accepted > 0) {
      this.flush()
      if (this.gate && !this.roomy()) this.queue.stop()
    }
    this.lease.drop(LEASE_BURST)
    this.lease.publish()
  }

  /** Before the queue is woken. What is parked goes first; then the queue is looked at once more. */
  hasRoom(): boolean {
    if (!this.place.empty) {
      this.place.settle()
      if (this.place.empty) this.place.wake()
      return false
    }
    return !this.gate || this.roomy()
  }

  // --- the poll

  poll(budget: number): number {
    const generation = this.generation
    this.more = false
    if (generation === null) {
      this.place.settle()
      this.leaveQueue()
      return 0
    }
    const lease = this.lease
    lease.take(LEASE_POLL)
    this.delivered = 0
    this.completed = 0
    this.budget = budget
    const { rxFence } = this
    if (rxFence !== null) rxFence.look()
    this.polling = true
    const answer = generation.poll(budget)
    this.polling = false
    const delivered = this.delivered
    if (rxFence !== null) rxFence.polled(delivered, answer !== 'more')
    this.more = answer === 'more' || delivered >= budget
    if (this.completed > 0) this.place.completed()
    this.place.settle()
    const done = delivered + this.completed
    if (done > 0) this.queue.engine.charge('frame', done)
    lease.drop(LEASE_POLL)
    lease.publish()
    if (answer !== 'more') this.lookDrained()
    return delivered < budget ? delivered : budget
  }

  get hasParked(): boolean {
    return !this.place.empty
  }

  get rxDepth(): number {
    return this.generation === null ? 0 : this.generation.rxDepth
  }

  arm(): boolean {
    return this.generation === null || this.generation.startInterrupts() === 'armed'
  }

  disarm(): void {
    this.generation?.stopInterrupts()
  }

  slowSending(frame: Frame): void {
    this.fence?.bucketOf(frame)
  }

  slowSent(frame: Frame): void {
    this.fence?.slowSent(frame)
  }

  slowReached(position: number): void {
    if (this.rxFence !== null) this.rxFence.reached(position)
  }

  slowAnswered(frame: Frame): void {
    this.fence?.slowAnswered(frame)
  }

  // --- what the doors ask

  /** A frame of the plugin's own pools, which it holds, is the host's from here. False: it is no such frame. */
  deliver(frame: Frame): boolean {
    const { pools } = this.parts
    let at = 0
    while (at < pools.length && !pools[at].deliver(frame)) at++
    if (at === pools.length) return false
    if (++this.delivered > this.budget) this.parts.tally.violation('RX-01')
    this.counters.rx_packets++
    this.counters.rx_segments += frame.segments
    this.counters.rx_bytes += frame.length
    if (this.rxFence !== null && this.rxFence.keeps(frame)) this.counters.fence_held++
    else this.hand(frame)
    return true
  }

  hand(frame: Frame): void {
    if (this.queue.observer !== null) this.queue.observer.received(frame, 'fast')
    this.queue.deliver(frame)
  }

  overrun(): void {
    this.counters.fence_overrun++
  }

  /** A frame that was lent, and is not any more; `dropped`: it never left, for this reason. */
  complete(frame: Frame, dropped: DropReason | null): void {
    this.fence?.fastDone(frame)
    if (dropped === null) this.counters.tx_completed++
    else this.counters.dropped.count(dropped, frame.segments, frame.length)
    this.completed++
    this.lease.drop(LEASE_LENT)
    frame.release()
  }

  /** Room may have appeared; see {@link Parking.wake}. */
  wake(): void {
    this.place.wake()
  }

  // --- what the parking place asks

  offerAgain(frame: Frame): 'taken' | 'busy' | 'declined' {
    const generation = this.generation
    if (generation === null || !this.gate) return 'declined'
    if (this.lent.size >= this.lent.capacity) return 'busy'
    const verdict = generation.startXmit(frame)
    if (verdict === undefined) return 'declined'
    if (verdict === 'busy') return 'busy'
    if (verdict === 'fault') this.dropFaulty(frame)
    else {
      this.lend(frame, this.fence === null ? 0 : this.fence.bucketOf(frame))
      this.flush()
    }
    return 'taken'
  }

  slowLeft(frame: Frame): boolean {
    return this.fence === null || this.fence.slowLeft(this.fence.bucketOf(frame))
  }

  fastLeft(frame: Frame): boolean {
    return this.fence === null || this.fence.fastLeft(this.fence.bucketOf(frame))
  }

  diverted(frame: Frame): void {
    if (this.fence !== null) this.countOvertaking(frame, this.fence)
  }

  timedOut(): void {
    if (this.generation !== null) this.parts.onTimeout(this.queue.index)
  }

  // --- small parts

  private park(frame: Frame, cause: ParkingCause): 'stop' {
    this.place.park(frame, cause)
    if (cause === 'busy') this.counters.tx_busy++
    else if (cause === 'to-fast') this.counters.fence_to_fast++
    else this.counters.fence_to_slow++
    return 'stop'
  }

  private declined(frame: Frame, bucket: number): Offer {
    this.counters.tx_declined++
    return this.byRing(frame, bucket)
  }

  /** Rule (iii). */
  private byRing(frame: Frame, bucket: number): Offer {
    const { fence } = this
    if (fence === null) return 'declined'
    if (!fence.toRing(bucket)) return this.park(frame, 'to-slow')
    this.countOvertaking(frame, fence)
    return 'declined'
  }

  private countOvertaking(frame: Frame, fence: TxFence): void {
    if (fence.overtakes(fence.bucketOf(frame))) this.counters.fence_expired++
  }

  /** Nothing holds the queue to this path any more: no generation, nothing parked. */
  private leaveQueue(): void {
    if (this.generation === null && this.place.empty && this.queue.fastPath === this)
      this.queue.fastPath = null
  }

  private mayOffer(frame: Frame): boolean {
    return (frame.gsoSize === 0 || this.gso) && (frame.checksum !== 'blank' || this.blank)
  }

  private roomy(): boolean {
    const generation = this.generation
    return generation === null || (this.lent.size < this.lent.capacity && generation.hasRoom() !== false)
  }

  private lend(frame: Frame, bucket: number): void {
    if (!this.tx) this.parts.tally.violation('VN-06')
    this.lent.add(frame)
    if (this.fence !== null) this.fence.fastSent(bucket)
    this.lease.take(LEASE_LENT)
    this.accepted++
    this.counters.tx_packets++
    this.counters.tx_segments += frame.segments
    this.counters.tx_bytes += frame.length
    if (this.queue.observer !== null) this.queue.observer.sent(frame, 'fast')
  }

  private flush(): void {
    this.queue.engine.charge('frame', this.accepted)
    this.accepted = 0
    this.generation?.flush()
  }

  /** The plugin failed while it had the frame: it may have left, so it is not sent again; it may be about to be read. */
  private dropFaulty(frame: Frame): void {
    this.counters.dropped.count('accelerator_fault', frame.segments, frame.length)
    this.quarantine.push(frame)
  }

  private get holds(): boolean {
    return this.rxFence !== null && this.rxFence.held > 0
  }

  private lookDrained(): void {
    const work = this.drained
    if (work === null || this.lent.size > 0 || !this.place.empty || this.holds) return
    this.drained = null
    work()
  }
}
