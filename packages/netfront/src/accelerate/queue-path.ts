// Stage 3f of a frame's way in, the host's side: where an accelerator is plugged into a queue, and what it delivers.
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
import type { LentTable } from './lent-table.js'
import { QueueDoors } from './queue-doors.js'
import { RxFence } from './rx-fence.js'
import type { RxFenceOwner } from './rx-fence.js'
import { SendPath } from './send-path.js'
import type { TxFence } from './tx-fence.js'

/** What stays with a queue over all its attachments. */
export interface QueueKeep {
  readonly queue: QueueSide
  readonly hooks: QueueHooks
  readonly counters: FastCounters
  /** Null: flows may be overtaken by themselves when they change paths (for tests of the fence). */
  readonly txFence: TxFence | null
}

/**
 * The fast path of one queue during one attachment: its life, its polls, what it delivers. What it sends is the
 * {@link SendPath}'s.
 */
export class QueuePath implements FastPath, RxFenceOwner {
  readonly queue: QueueSide
  readonly counters: FastCounters
  readonly lease: Lease
  /** A poll of the plugin's is on the stack. */
  polling = false
  more = false
  readonly unordered: boolean
  readonly ordersTx: boolean
  readonly receives: boolean
  private readonly hooks: QueueHooks
  private readonly parts: PathParts
  private readonly doors: QueueDoors
  private readonly send: SendPath
  private rxFence: RxFence | null = null
  private plugin: AcceleratedQueue | null = null
  private generation: QueueGeneration | null = null
  private burst = false
  private delivered = 0
  private completed = 0
  private budget = 0
  private drained: (() => void) | null

  constructor(keep: QueueKeep, parts: PathParts) {
    this.queue = keep.queue
    this.counters = keep.counters
    this.hooks = keep.hooks
    this.parts = parts
    this.lease = parts.lease.add(new Lease(`${parts.lease.name} queue ${keep.queue.index}`))
    this.doors = new QueueDoors(this, parts.tally)
    const { queue, counters, lease } = this
    this.send = new SendPath({ queue, counters, lease, path: parts, fence: keep.txFence })
    this.unordered = keep.txFence === null
    this.ordersTx = this.send.fence !== null
    this.receives = parts.capabilities.has('rx')
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
    this.send.setDepth(plugin.txDepth)
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
    const before = queue.fastPath
    this.send.start(this.generation, before instanceof QueuePath ? before.send : null)
    queue.fastPath = this
    queue.schedulePoll()
  }

  openGate(): void {
    this.send.openGate()
  }

  /** Step 2 of a detach. */
  shutGate(): void {
    this.send.shutGate()
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
    const { send } = this
    const frames = send.takeAll()
    this.lease.forfeit()
    send.fence?.forgetFast()
    this.rxFence?.close()
    send.place.wake()
    return frames
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
    this.send.clear()
    this.leaveQueue()
    this.queue.schedulePoll()
    this.queue.wakeIfReady()
  }

  /** Frames that are lent now. */
  get lent(): LentTable {
    return this.send.lent
  }

  /** Frames kept aside until {@link quiet}. */
  get aside(): number {
    return this.send.aside
  }

  quiet(): void {
    this.send.quiet()
  }

  // --- the fork

  beginBurst(): boolean {
    if (this.generation === null) return false
    this.lease.take(LEASE_BURST)
    this.burst = true
    return this.send.begin()
  }

  offer(frame: Frame): Offer {
    return this.send.offer(frame)
  }

  offerRun(frames: readonly Frame[], from: number, to: number): number {
    return this.send.offerRun(frames, from, to)
  }

  unoffered(frames: readonly Frame[], from: number, to: number): number {
    return this.send.unoffered(frames, from, to)
  }

  passedBy(count: number): void {
    this.counters.tx_declined += count
  }

  endBurst(): void {
    if (!this.burst) return
    this.burst = false
    this.send.end()
    this.lease.drop(LEASE_BURST)
    this.lease.publish()
  }

  hasRoom(): boolean {
    return this.send.hasRoom()
  }

  // --- the poll

  poll(budget: number): number {
    const generation = this.generation
    this.more = false
    if (generation === null) {
      this.send.place.settle()
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
    const { place } = this.send
    if (this.completed > 0) {
      // No lease is missed meanwhile: that of the poll stands.
      lease.dropMany(LEASE_LENT, this.completed)
      this.send.completed()
    }
    place.settle()
    this.counters.rx_packets += delivered
    const done = delivered + this.completed
    if (done > 0) this.queue.engine.charge('frame', done)
    lease.drop(LEASE_POLL)
    lease.publish()
    if (answer !== 'more') this.lookDrained()
    return delivered < budget ? delivered : budget
  }

  get hasParked(): boolean {
    return !this.send.place.empty
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
    this.send.fence?.bucketOf(frame)
  }

  slowSent(frame: Frame): void {
    this.send.fence?.slowSent(frame)
  }

  slowAnswered(frame: Frame): void {
    this.send.fence?.slowAnswered(frame)
  }

  get ordersRx(): boolean {
    return this.rxFence !== null && this.rxFence.watching
  }

  slowReached(position: number): void {
    if (this.rxFence !== null) this.rxFence.reached(position)
  }

  slowDelivered(position: number): void {
    if (this.rxFence !== null) this.rxFence.delivered(position)
  }

  // --- what the doors ask

  /** A frame of the plugin's own pools, which it holds, is the host's from here. False: it is no such frame. */
  deliver(frame: Frame): boolean {
    const { pools } = this.parts
    let at = 0
    while (at < pools.length && !pools[at].deliver(frame)) at++
    if (at === pools.length) return false
    if (++this.delivered > this.budget) this.parts.tally.violation('RX-01')
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

  /** See {@link SendPath.complete}. */
  complete(frame: Frame, dropped: DropReason | null): void {
    this.completed++
    this.send.complete(frame, dropped)
  }

  /** Room may have appeared; see {@link Parking.wake}. */
  wake(): void {
    this.send.place.wake()
  }

  // --- small parts

  /** Nothing holds the queue to this path any more: no generation, nothing parked. */
  private leaveQueue(): void {
    if (this.generation === null && this.send.place.empty && this.queue.fastPath === this)
      this.queue.fastPath = null
  }

  private get holds(): boolean {
    return this.rxFence !== null && this.rxFence.held > 0
  }

  private lookDrained(): void {
    const work = this.drained
    if (work === null || this.lent.size > 0 || this.hasParked || this.holds) return
    this.drained = null
    work()
  }
}
