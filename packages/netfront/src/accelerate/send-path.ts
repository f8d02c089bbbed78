// Stage 3f of a frame's way out, the host's side: what is lent to an accelerator.
import type { Frame } from '@netaccel/packet'
import { LEASE_LENT } from '@netaccel/core'
import type { DropReason, Lease, PathParts, QueueGeneration } from '@netaccel/core'
import type { Offer, QueueSide } from '../fast-path.js'
import type { FastCounters } from './fast-counters.js'
import { LentTable } from './lent-table.js'
import { Parking } from './parking.js'
import type { ParkingCause, ParkingOwner } from './parking.js'
import type { TxFence } from './tx-fence.js'
import { TxWatchdog } from './tx-watchdog.js'
import type { WatchdogOwner } from './tx-watchdog.js'

/** Most frames that a host lends on one queue, whatever the plugin's `txDepth` says. */
const MAX_DEPTH = 65536

/** What a {@link SendPath} shares with the queue's path that it belongs to. */
export interface SendParts {
  readonly queue: QueueSide
  readonly counters: FastCounters
  readonly lease: Lease
  readonly path: PathParts
  /** Null: flows may be overtaken by themselves when they change paths. */
  readonly fence: TxFence | null
}

/** The sending half of a queue's fast path during one attachment: lends frames, parks one, keeps the order of flows. */
export class SendPath implements ParkingOwner, WatchdogOwner {
  /** Frames that are lent now; made when the plugin has said how many it can have. */
  lent: LentTable
  /** Null before the hooks are installed and after they are cleared. */
  generation: QueueGeneration | null = null
  /** Keeps the order of what is sent; none for a plugin that sends nothing. */
  readonly fence: TxFence | null
  readonly place: Parking
  private readonly queue: QueueSide
  private readonly counters: FastCounters
  private readonly lease: Lease
  private readonly parts: PathParts
  private readonly tx: boolean
  private readonly gso: boolean
  private readonly blank: boolean
  private readonly watchdog: TxWatchdog
  private gate = false
  /** The queue is stopped because the hardware has no room. */
  private full = false
  /** Accepted in this burst, and not counted yet: packets, and the leases of what is lent, are counted once a burst. */
  private accepted = 0
  private quarantine: Frame[] = []
  /** Ends the hold of a detach. */
  private hold: { cancel(): void } | null = null

  constructor({ queue, counters, lease, path, fence }: SendParts) {
    const { capabilities } = path
    this.queue = queue
    this.counters = counters
    this.lease = lease
    this.parts = path
    this.tx = capabilities.has('tx')
    this.gso = capabilities.has('tx-gso')
    this.blank = capabilities.has('tx-checksum')
    this.fence = this.tx ? fence : null
    this.lent = new LentTable(1)
    this.place = new Parking(queue, this)
    this.watchdog = new TxWatchdog(queue.engine, this)
  }

  /** The plugin has said how many frames it can have. */
  setDepth(txDepth: number): void {
    this.lent = new LentTable(Math.min(Math.max(1, txDepth), MAX_DEPTH))
  }

  /** The hooks are installed. `before`: the path of the last attachment, which may have a frame parked still. */
  start(generation: QueueGeneration, before: SendPath | null): void {
    const { fence } = this
    this.generation = generation
    fence?.reset()
    // What stands in the ring now is not answered before it has left, and its flows stay slow until then.
    if (fence !== null) this.queue.eachSlow((frame) => fence.slowSent(frame))
    // A frame that the last attachment had parked still waits for a slot of the ring.
    if (before !== null) this.place.inherit(before.place)
  }

  openGate(): void {
    this.gate = true
  }

  /** Step 2 of a detach. A flow goes by the ring once its lent frames have left, or have had their time. */
  shutGate(): void {
    const { fence, queue } = this
    if (this.gate && fence !== null && this.lent.size > 0) {
      this.hold?.cancel()
      this.hold = queue.engine.after(this.parts.holdNs, () => {
        if (this.generation === null || this.gate) return
        fence.expire()
        this.place.wake()
      })
    }
    this.gate = false
    this.place.divert()
    queue.wakeIfReady()
  }

  /** The hooks are cleared. A timer that still ran would keep the plugin's code until it fires. */
  clear(): void {
    this.hold?.cancel()
    this.hold = null
    this.watchdog.leave()
    this.generation = null
    this.gate = false
    this.full = false
  }

  /** Frames that are still lent are dropped, and kept aside until {@link quiet}. Their number. */
  takeAll(): number {
    const frames = this.lent.list()
    for (const frame of frames) {
      this.lent.remove(frame)
      this.counters.dropped.count('forced_detach', frame.segments, frame.length)
    }
    this.quarantine.push(...frames)
    return frames.length
  }

  /** Frames kept aside until {@link quiet}. */
  get aside(): number {
    return this.quarantine.length
  }

  quiet(): void {
    for (const frame of this.quarantine.splice(0)) frame.release()
  }

  // --- the fork

  /** True: frames may be offered. */
  begin(): boolean {
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
    if (verdict !== 'accepted') return this.refused(frame, bucket, verdict)
    this.lend(frame, bucket)
    return 'taken'
  }

  private refused(frame: Frame, bucket: number, verdict: 'busy' | 'fault' | undefined): Offer {
    if (verdict === 'busy') return this.park(frame, 'busy')
    if (verdict === undefined) return this.declined(frame, bucket)
    this.dropFaulty(frame)
    return 'taken'
  }

  /** See {@link FastPath.offerRun}: frames of buckets that are on no other path, of which the plugin accepts each. */
  offerRun(frames: readonly Frame[], from: number, to: number): number {
    const { generation, fence, lent, queue } = this
    if (generation === null || fence === null || !this.gate) return 0
    const { observer } = queue
    const room = lent.capacity - lent.size
    const end = to - from < room ? to : from + room
    let at = from
    let segments = 0
    let bytes = 0
    for (; at < end; at++) {
      const frame = frames[at]
      const bucket = fence.bucketOf(frame)
      if (fence.fenced(bucket) || !this.mayOffer(frame)) break
      const verdict = generation.startXmit(frame)
      if (verdict !== 'accepted') {
        this.countLent(at - from, segments, bytes)
        return at - from + this.takeRefused(frame, bucket, verdict)
      }
      lent.add(frame)
      fence.fastSent(bucket)
      segments += frame.segments
      bytes += frame.length
      if (observer !== null) observer.sent(frame, 'fast')
    }
    this.countLent(at - from, segments, bytes)
    return at - from
  }

  /** 1: the frame is taken after all, if only parked or dropped, or the ring has it; 0: it stays the caller's. */
  private takeRefused(frame: Frame, bucket: number, verdict: 'busy' | 'fault' | undefined): 0 | 1 {
    const offer = this.refused(frame, bucket, verdict)
    if (offer === 'stop') this.queue.stop()
    return offer !== 'declined' || this.queue.sendSlow(frame) ? 1 : 0
  }

  private countLent(frames: number, segments: number, bytes: number): void {
    this.accepted += frames
    this.counters.tx_segments += segments
    this.counters.tx_bytes += bytes
  }

  /** See {@link FastPath.unoffered}. */
  unoffered(frames: readonly Frame[], from: number, to: number): number {
    let at = from
    while (at < to && !this.mayOffer(frames[at])) at++
    return at - from
  }

  /** The burst is over. */
  end(): void {
    if (this.accepted === 0) return
    this.flush()
    if (this.gate && !this.roomy()) {
      this.full = true
      this.queue.stop()
    }
    // What has nothing left to send with waits as well, without being stopped.
    if (this.full || this.queue.dry) this.watchdog.watch()
  }

  /** Before the queue is woken. What is parked goes first; then the queue is looked at once more. */
  hasRoom(): boolean {
    if (!this.place.empty) {
      this.place.settle()
      if (this.place.empty) this.place.wake()
      return false
    }
    this.full = this.gate && !this.roomy()
    return !this.full
  }

  /** A poll has brought completions. */
  completed(): void {
    this.watchdog.moved()
    this.place.completed()
  }

  /** A frame that was lent, and is not any more; `dropped`: it never left. The poll under way gives its lease back. */
  complete(frame: Frame, dropped: DropReason | null): void {
    this.fence?.fastDone(frame)
    if (dropped === null) this.counters.tx_completed++
    else this.counters.dropped.count(dropped, frame.segments, frame.length)
    frame.release()
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
      // The place is free, the hardware may be full: the queue then stays as it is, stopped.
      this.watchdog.watch()
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

  watch(): void {
    this.watchdog.watch()
  }

  // --- what the watchdog asks

  stands(): boolean {
    return this.place.waits || (this.full && !this.roomy()) || (this.lent.size > 0 && this.queue.dry)
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
    this.accepted++
    this.counters.tx_segments += frame.segments
    this.counters.tx_bytes += frame.length
    if (this.queue.observer !== null) this.queue.observer.sent(frame, 'fast')
  }

  private flush(): void {
    const { accepted } = this
    this.accepted = 0
    this.lease.takeMany(LEASE_LENT, accepted)
    this.counters.tx_packets += accepted
    this.queue.engine.charge('frame', accepted)
    this.generation?.flush()
  }

  /** The plugin failed while it had the frame: it may have left, so it is not sent again; it may be about to be read. */
  private dropFaulty(frame: Frame): void {
    this.counters.dropped.count('accelerator_fault', frame.segments, frame.length)
    this.quarantine.push(frame)
  }
}
