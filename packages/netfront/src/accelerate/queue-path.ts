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
} from '@netaccel/core'
import type { FastPath, Offer, QueueSide } from '../fast-path.js'
import type { FastCounters } from './fast-counters.js'
import { LentTable } from './lent-table.js'
import { Parking } from './parking.js'
import type { ParkingOwner } from './parking.js'
import { QueueDoors } from './queue-doors.js'

/** Most frames that a host lends on one queue, whatever the plugin's `txDepth` says. */
const MAX_DEPTH = 65536

/** What stays with a queue over all its attachments. */
export interface QueueKeep {
  readonly queue: QueueSide
  readonly hooks: QueueHooks
  readonly counters: FastCounters
}

/** The fast path of one queue during one attachment: lends frames, parks one, counts at the doors. */
export class QueuePath implements FastPath, ParkingOwner {
  readonly queue: QueueSide
  readonly counters: FastCounters
  readonly lease: Lease
  /** A poll of the plugin's is on the stack. */
  polling = false
  /** Frames that are lent now; made when the plugin has said how many it can have. */
  lent: LentTable
  more = false
  private readonly hooks: QueueHooks
  private readonly parts: PathParts
  private readonly doors: QueueDoors
  private readonly tx: boolean
  private readonly gso: boolean
  private readonly blank: boolean
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
    this.lent = new LentTable(1)
    this.place = new Parking(keep.queue, this)
    this.drained = null
  }

  // --- attaching and detaching; never inside a burst or a poll

  /** Step 5. Throws what the plugin throws. */
  open(vif: AcceleratedVif): void {
    const plugin = vif.openQueue(this.doors)
    this.plugin = plugin
    this.lent = new LentTable(Math.min(Math.max(1, plugin.txDepth), MAX_DEPTH))
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
    // A frame that the last attachment had parked still waits for a slot of the ring.
    const before = queue.fastPath
    if (before instanceof QueuePath) this.place.inherit(before.place)
    queue.fastPath = this
    queue.schedulePoll()
  }

  openGate(): void {
    this.gate = true
  }

  /** Step 2 of a detach. */
  shutGate(): void {
    this.gate = false
    this.place.divert()
    this.queue.wakeIfReady()
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
    return frames.length
  }

  /** Step 5 of a detach. */
  clear(): void {
    this.generation?.stopInterrupts()
    this.hooks.remove()
    this.doors.shut()
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
    return this.gate && this.place.empty
  }

  offer(frame: Frame): Offer {
    const generation = this.generation
    if (generation === null || !this.gate || !this.mayOffer(frame)) return 'declined'
    if (this.lent.size >= this.lent.capacity) return generation.accepts(frame) ? this.park(frame) : 'declined'
    const verdict = generation.startXmit(frame)
    if (verdict === 'accepted') this.lend(frame)
    else if (verdict === 'busy') return this.park(frame)
    else if (verdict === 'fault') this.dropFaulty(frame)
    else {
      this.counters.tx_declined++
      return 'declined'
    }
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
    this.polling = true
    const answer = generation.poll(budget)
    this.polling = false
    const delivered = this.delivered
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
    if (this.queue.observer !== null) this.queue.observer.received(frame, 'fast')
    this.queue.deliver(frame)
    return true
  }

  /** A lent frame comes back; `dropped`: it never left, for this reason. */
  complete(frame: Frame, dropped: DropReason | null): void {
    this.lent.remove(frame)
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
      this.lend(frame)
      this.flush()
    }
    return 'taken'
  }

  timedOut(): void {
    if (this.generation !== null) this.parts.onTimeout(this.queue.index)
  }

  // --- small parts

  private park(frame: Frame): 'stop' {
    this.place.park(frame)
    this.counters.tx_busy++
    return 'stop'
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

  private lend(frame: Frame): void {
    if (!this.tx) this.parts.tally.violation('VN-06')
    this.lent.add(frame)
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

  private lookDrained(): void {
    const work = this.drained
    if (work === null || this.lent.size > 0 || !this.place.empty) return
    this.drained = null
    work()
  }
}
