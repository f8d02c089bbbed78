import { FramePool } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { Work } from '@netaccel/xen'
import type { Arena, BackRing, Domain, Engine, GrantCopyBatch, PollHandle, Timer } from '@netaccel/xen'
import { BackQueueCounters } from './counters.js'
import { drainTimeout } from './features.js'
import type { GuestFeatures } from './features.js'
import { FromGuest } from './from-guest.js'
import { GuestFrames } from './guest-frames.js'
import type { GuestFramesOptions } from './guest-frames.js'
import type { BackQueueSide, GuestTap, RingObserver, WrittenFrames } from './guest-tap.js'
import { LazyFrames } from './lazy/lazy-frames.js'
import { lazyPath } from './lazy/lazy-path.js'
import { possibleMode } from './lazy/modes.js'
import type { LazyCopyOptions } from './lazy/modes.js'
import type { MulticastList } from './multicast.js'
import { RxStall } from './rx-stall.js'
import type { RxStalls } from './rx-stall.js'
import type { RxHasher } from './rx-writer.js'
import type { StaticGrants } from './static/static-grants.js'
import { ToGuest } from './to-guest.js'
import { TxCredit } from './tx-credit.js'
import type { Rate } from './tx-credit.js'
import { TxResponses } from './tx-responses.js'

const SCRATCH_FRAMES = 16
const SCRATCH_BYTES = 2048

/** What a queue needs to know of the vif it belongs to. */
export interface QueueOwner {
  readonly name: string
  readonly guest: number
  readonly multicast: MulticastList
  /** Of all its queues; while one is stalled the carrier is off. */
  readonly stalls: RxStalls
  /** Frames from the guest, the first `count`, go to the bridge, which owns them. */
  forward(frames: readonly Frame[], count: number): void
  /** The guest broke the protocol: nothing of this vif is served until it connects anew. */
  fatal(cause: string): void
}

export interface BackQueueOptions extends GuestFramesOptions, LazyCopyOptions {}

/** One connection of a queue: the guest's rings, mapped, and the event channels to it. */
export interface BackLink {
  readonly tx: BackRing
  readonly rx: BackRing
  readonly features: GuestFeatures
  /** False: both rings have the one channel, and either call below raises it. */
  readonly split: boolean
  notifyTx(): void
  notifyRx(): void
}

/** One queue of a vif's backend, with all that is per queue: pools, batch, poll contexts, counters. */
export class BackQueue implements BackQueueSide {
  readonly index: number
  readonly name: string
  readonly counters: BackQueueCounters
  readonly frames: GuestFrames
  readonly responses: TxResponses
  onEvent: (() => void) | null
  private readonly owner: QueueOwner
  private readonly engine: Engine
  /** Where the engine writes its time. */
  private readonly time: Float64Array
  private readonly work: Work
  private readonly batch: GrantCopyBatch
  private readonly scratch: FramePool<Arena>
  private readonly domain: Domain
  private readonly fromGuest: FromGuest
  private readonly toGuest: ToGuest
  private readonly txPoll: PollHandle
  private readonly rxPoll: PollHandle
  private link: BackLink | null
  private readonly frameFree: () => void
  /** The guest wants to know of TX responses, and `pollRx`, which comes next in this step, tells it together with its own. */
  private owesNotice: boolean
  private drain: Timer | null
  private readonly stall: RxStall
  /** Frames to the guest when {@link stall} was last told. */
  private deliveredBefore: number
  /** What {@link noteEnd} noted has been written; the index of the response behind it. */
  private endWritten: boolean
  private endIndex: number

  /** Throws what the extent throws when the driver domain has not the pages; nothing is kept then. */
  constructor(owner: QueueOwner, index: number, domain: Domain, options: BackQueueOptions = {}) {
    this.owner = owner
    this.index = index
    this.name = `${owner.name}-q${index}`
    this.domain = domain
    this.engine = domain.cpuOf(index)
    this.time = new Float64Array(1)
    this.counters = new BackQueueCounters()
    this.work = new Work()
    const mode = options.lazyCopy === undefined ? null : possibleMode(options.lazyCopy, domain.grantOps)
    const lazyFrames = mode === null ? null : new LazyFrames(domain, options)
    this.frames = lazyFrames ?? new GuestFrames(domain, options)
    this.scratch = this.orClose(() => {
      const arena = domain.extent.allocPages((SCRATCH_FRAMES * SCRATCH_BYTES) / 4096)
      return new FramePool(arena, { frames: SCRATCH_FRAMES, bytesEach: SCRATCH_BYTES })
    })
    this.batch = this.orClose(() => domain.copyBatch())
    this.responses = new TxResponses(this.engine, this.frames)
    const { counters, work, batch, frames, responses, scratch } = this
    const { guest, multicast } = owner
    const forward = (burst: readonly Frame[], count: number): void => owner.forward(burst, count)
    const parts = { guest, frames, batch, responses, multicast, counters, work, forward }
    this.fromGuest =
      mode === null || lazyFrames === null
        ? new FromGuest(parts)
        : this.orClose(() => lazyPath(domain, this.engine, mode, { ...parts, frames: lazyFrames }, options))
    this.toGuest = new ToGuest({ guest, batch, counters, work, scratch })
    this.onEvent = null
    this.link = null
    this.owesNotice = false
    this.drain = null
    this.stall = new RxStall(this.engine, owner.stalls)
    this.deliveredBefore = 0
    this.endWritten = true
    this.endIndex = 0
    // In this order: `pollTx` counts on `pollRx` to come behind it.
    this.txPoll = this.engine.addPoller({
      name: `${this.name}-guest-tx`,
      poll: (budget) => this.pollTx(budget),
    })
    this.rxPoll = this.engine.addPoller({
      name: `${this.name}-guest-rx`,
      poll: (budget) => this.pollRx(budget),
    })
    this.responses.publish = () => this.txPoll.schedule()
    this.frameFree = () => this.txPoll.schedule()
  }

  get tap(): GuestTap | null {
    return this.fromGuest.tap
  }

  set tap(tap: GuestTap | null) {
    this.fromGuest.tap = tap
  }

  /** Watches both rings; null: nobody does. */
  set observer(observer: RingObserver | null) {
    this.fromGuest.observer = observer
    this.toGuest.observer = observer
  }

  get answerOnDeparture(): boolean {
    return this.fromGuest.answerOnDeparture
  }

  set answerOnDeparture(wanted: boolean) {
    this.fromGuest.answerOnDeparture = wanted
    if (!wanted) this.responses.answerAll()
  }

  get beforeForward(): (() => void) | null {
    return this.fromGuest.beforeForward
  }

  set beforeForward(work: (() => void) | null) {
    this.fromGuest.beforeForward = work
  }

  get written(): WrittenFrames | null {
    return this.toGuest.written
  }

  set written(keeper: WrittenFrames | null) {
    this.toGuest.written = keeper
  }

  get departureNs(): number {
    return this.responses.deadlineNs
  }

  set departureNs(ns: number) {
    this.responses.deadlineNs = ns
  }

  /** The guest has posted too little for what waits, for 60 s; and how often that was so. */
  get stalled(): boolean {
    return this.stall.stalled
  }

  get timesStalled(): number {
    return this.stall.times
  }

  /** Frames that wait for the guest's slots. */
  get queued(): number {
    return this.toGuest.queue.count
  }

  /** What the guest may send from here on, on this queue; null: as fast as it likes. */
  setRate(rate: Rate | null): void {
    const { fromGuest } = this
    const { credit } = fromGuest
    if (rate !== null && credit !== null) return credit.change(rate)
    credit?.close()
    fromGuest.credit = rate === null ? null : new TxCredit(this.engine, rate, () => this.txPoll.schedule())
    this.txPoll.schedule()
  }

  /** Bytes that the guest wants free at the start of each page it posts. */
  setHeadroom(bytes: number): void {
    this.toGuest.headroom = bytes
    this.rxPoll.schedule()
  }

  /** A packet of the guest waits for credit. */
  get rateLimited(): boolean {
    return this.fromGuest.credit?.limited ?? false
  }

  /** Pages that the guest has granted for good; null: none. */
  get statics(): StaticGrants | null {
    return this.fromGuest.statics
  }

  set statics(statics: StaticGrants | null) {
    this.fromGuest.statics = statics
  }

  /** Hashes what is written, for a guest that has asked for it; null: it has not. */
  setHasher(hasher: RxHasher | null): void {
    this.toGuest.hasher = hasher
  }

  whenDeparted(work: () => void): void {
    this.responses.whenDeparted(work)
  }

  mark(reached: (responseIndex: number) => void): void {
    this.toGuest.mark(reached)
  }

  /** Nothing waits for the guest, and it has taken all that it was given. */
  get allTaken(): boolean {
    const { link } = this
    return link === null || (this.queued === 0 && link.rx.responsesTaken(link.rx.rspProdPvt))
  }

  /** Remember how far the queue to the guest reaches now, for {@link endTaken}. */
  noteEnd(): void {
    this.endWritten = false
    this.mark((index) => {
      this.endIndex = index
      this.endWritten = true
    })
  }

  /** All that stood in the queue at the last {@link noteEnd} has been taken by the guest. */
  get endTaken(): boolean {
    const { link } = this
    return link === null || (this.endWritten && link.rx.responsesTaken(this.endIndex))
  }

  notifyGuest(): void {
    this.link?.notifyRx()
  }

  /** The guest is there: serve its rings. */
  connect(link: BackLink): void {
    this.link = link
    this.responses.connect(link.tx)
    this.fromGuest.connect(this.frameFree)
    this.toGuest.connect(link.rx)
    this.stall.begin(link.features.rxNotify)
    // It is ready at the first look, which is now: nothing waits yet.
    this.stall.look(false)
    this.txPoll.schedule()
    this.rxPoll.schedule()
  }

  /** Touch the rings no more; what waits for the guest is dropped. Frames from it go on their way. */
  disconnect(): void {
    this.link = null
    this.frames.onFree = null
    this.responses.disconnect()
    this.fromGuest.disconnect()
    this.drain?.cancel()
    this.drain = null
    this.owesNotice = false
    this.fromGuest.credit?.close()
    this.fromGuest.credit = null
    this.stall.end()
    this.toGuest.drain('netback_rx_disconnected')
    this.toGuest.connect(null)
  }

  /** Ends the queue for good. Its frames' pages go back when the last frame on the way has come back. */
  close(): void {
    this.disconnect()
    this.txPoll.remove()
    this.rxPoll.remove()
    this.fromGuest.close()
    this.batch.dispose()
    this.domain.extent.freePages(this.scratch.arena)
    this.frames.close()
  }

  /** An event of the channel that both rings share. False: it was for nothing (Linux xenvif_interrupt). */
  event(): boolean {
    const rx = this.rxEvent()
    // Asked once: a channel of its own would have asked.
    return this.requestsCame() || rx
  }

  /** An event of the TX ring's channel. False: the guest has written no request. */
  txEvent(): boolean {
    const asked = this.askFirst()
    return this.requestsCame() || asked
  }

  /** An event of the RX ring's channel. False: the guest has not posted what the oldest frame waits for. */
  rxEvent(): boolean {
    const { link } = this
    const asked = this.askFirst()
    if (link === null || !this.toGuest.canGoOn(link.rx)) return asked
    this.rxPoll.schedule()
    return true
  }

  private askFirst(): boolean {
    if (this.onEvent === null) return false
    this.onEvent()
    return true
  }

  private requestsCame(): boolean {
    // While it waits for credit it was not asked to tell of requests, and the refill polls.
    if (this.link === null || this.rateLimited || this.link.tx.unconsumedRequests() === 0) return false
    this.txPoll.schedule()
    return true
  }

  /** A frame for the guest. It is the queue's; dropped and counted if the queue is full or nobody is there. */
  send(frame: Frame): void {
    this.engine.stamp(this.time, 0)
    if (this.admit(frame)) this.rxPoll.schedule()
  }

  /** `frames[from]` up to but not including `frames[to]`, each as by {@link send}: one look at the clock, one poll. */
  sendBurst(frames: readonly Frame[], from: number, to: number): void {
    const { fromGuest, link, owner, toGuest } = this
    this.engine.stamp(this.time, 0)
    // With nobody to ask about each frame they go in together; what finds the queue full is left to `admit`.
    const together =
      link !== null && owner.stalls.count === 0 && !owner.multicast.filtering && fromGuest.tap === null
    const next = together ? toGuest.queue.pushBurst(frames, from, to, this.time) : from
    let admitted = next !== from
    for (let i = next; i < to; i++) if (this.admit(frames[i])) admitted = true
    if (admitted) this.rxPoll.schedule()
  }

  /** Into the queue, with the time that stands in `time`. */
  private admit(frame: Frame): boolean {
    const { queue } = this.toGuest
    if (this.link === null || this.owner.stalls.count !== 0)
      return this.refuse(frame, 'netback_rx_not_connected')
    if (queue.full) return this.refuse(frame, 'netback_rx_queue_full')
    const { multicast } = this.owner
    if (multicast.filtering && multicast.rejects(frame.bytes, frame.offset))
      return this.refuse(frame, 'netback_rx_multicast')
    const { tap } = this.fromGuest
    if (tap !== null) tap.toGuest?.(frame)
    queue.push(frame, this.time)
    return true
  }

  private pollTx(budget: number): boolean {
    const link = this.link
    if (link === null) return false
    const end = this.fromGuest.run(link.tx, budget)
    this.frames.onFree = end === 'waiting' ? this.frameFree : null
    if (link.tx.pushResponses()) {
      if (!link.split && this.rxPoll.scheduled && end !== 'fatal') this.owesNotice = true
      else link.notifyTx()
    }
    this.work.settle(this.engine)
    if (end === 'fatal') {
      this.owner.fatal(this.fromGuest.cause)
      return false
    }
    return end === 'more' || (end === 'idle' && link.tx.finalCheckRequests())
  }

  private pollRx(budget: number): boolean {
    const link = this.link
    if (link === null) return false
    const { toGuest } = this
    const end = toGuest.run(link.rx, link.features, budget)
    const wanted = link.rx.pushResponses()
    if (wanted || this.owesNotice) link.notifyRx()
    this.owesNotice = false
    if (toGuest.written !== null) toGuest.written.shown()
    this.work.settle(this.engine)
    if (end === 'fatal') {
      this.owner.fatal('impossible number of receive requests')
      return false
    }
    this.lookForStall(end === 'waiting')
    if (end === 'idle') return false
    const dropped = this.dropExpired(link)
    if (end === 'more') return true
    if (dropped) return toGuest.queue.count !== 0
    this.watchDrain(link)
    return false
  }

  private lookForStall(lacks: boolean): void {
    const delivered = this.counters.tx_packets
    if (delivered !== this.deliveredBefore) this.stall.delivered()
    this.deliveredBefore = delivered
    this.stall.look(lacks)
  }

  /** A guest that posts nothing must not hold the driver domain's memory for ever (XSA-392). True: something was dropped. */
  private dropExpired(link: BackLink): boolean {
    const queue = this.toGuest.queue
    const before = queue.count
    this.engine.stamp(this.time, 0)
    const oldest = this.time[0] - drainTimeout(link.features)
    while (queue.count !== 0 && queue.since <= oldest) this.toGuest.dropHead('netback_rx_expired')
    // Nothing waits: that counts as ready.
    if (queue.count === 0) this.lookForStall(false)
    return queue.count !== before
  }

  private watchDrain(link: BackLink): void {
    if (this.drain !== null) return
    const left = this.toGuest.queue.since + drainTimeout(link.features) - this.engine.now()
    this.drain = this.engine.after(left > 0 ? left : 0, () => {
      this.drain = null
      this.rxPoll.schedule()
    })
  }

  /** Drop a frame for the guest, counted here. */
  refuse(
    frame: Frame,
    reason: 'netback_rx_not_connected' | 'netback_rx_queue_full' | 'netback_rx_multicast',
  ): false {
    this.counters.dropped.count(reason, frame.segments, frame.length)
    frame.release()
    return false
  }

  private orClose<T>(make: () => T): T {
    try {
      return make()
    } catch (error) {
      if (this.batch !== undefined) this.batch.dispose()
      if (this.scratch !== undefined) this.domain.extent.freePages(this.scratch.arena)
      this.frames.close()
      throw error
    }
  }
}
