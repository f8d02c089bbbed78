import type { Frame, FramePool } from '@netaccel/packet'
import { Work } from '@netaccel/xen'
import type { Arena, Domain, Engine, PollHandle, Poller } from '@netaccel/xen'
import { QueueCounters } from './counters.js'
import type { FastPath, PathObserver, QueueSide } from './fast-path.js'
import { pollQueue } from './poll.js'
import type { RxPacketReader } from './rx-packet.js'
import type { RxPages } from './rx-pages.js'
import type { RxFault, RxRing } from './rx-ring.js'
import type { TxFault } from './tx-answers.js'
import type { TxRing } from './tx-ring.js'
import { freeWhenIdle } from './tx-pool.js'

/** What the guest's network stack gives to its device. */
export interface GuestStack {
  /** A frame has come in. The stack owns it and releases it. */
  receive(frame: Frame): void
  /** A stopped queue takes frames again. */
  wake(): void
  /**
   * The device is connected, perhaps anew or elsewhere: say so to the neighbours, by a gratuitous ARP for each address of the
   * stack's (Linux netdev_notify_peers). A stack that has none yet has nothing to say.
   */
  notifyPeers?(): void
}

/** One connection of a queue to one backend; it ends with the backend, the queue stays. */
export interface QueueLink {
  readonly tx: TxRing
  readonly rx: RxRing
  readonly reader: RxPacketReader
  /** Raise the backend's event channel. */
  notifyTx(): void
  notifyRx(): void
}

/** What a queue needs to know of the vif it belongs to. */
export interface QueueHost {
  readonly name: string
  /** Connected to a backend that is connected too. */
  readonly running: boolean
  stack: GuestStack | null
  /** Where the stack's frames come from. */
  readonly txPool: { readonly dry: boolean }
  /** The backend broke the protocol on a queue: no queue of the vif carries anything until it is replaced. */
  broken(reason: TxFault | RxFault): void
}

/** Where the slow and the fast receive path stand to one another; see poll.ts. */
export interface PollRound {
  /** A round is under way, up to this index of the slow ring, of which this many frames came by the fast path. */
  open: boolean
  noted: number
  fastFrames: number
  /** The slow side may take what was noted. */
  slowDue: boolean
}

/** One TX/RX queue of a vif: everything that is per queue, so that a vif with more queues has more of these. */
export class TxRxQueue implements QueueSide, Poller {
  readonly index: number
  readonly name: string
  readonly engine: Engine
  readonly counters: QueueCounters
  readonly pages: RxPages
  /** 17-page frames for packets whose pages are scattered. */
  readonly gather: FramePool<Arena>
  readonly work: Work
  readonly round: PollRound
  fastPath: FastPath | null
  observer: PathObserver | null
  /** The stack hands over nothing; true also while there is no connection. */
  stopped: boolean
  /** The backend broke the protocol: the rings are not looked at until another connects. */
  failed: boolean
  private readonly host: QueueHost
  private readonly poller: PollHandle
  private link: QueueLink | null
  private armed: boolean
  /** Called for each page that comes back while the ring is short of them; at other times nobody is. */
  private readonly pageFreed: () => void

  constructor(host: QueueHost, index: number, engine: Engine, pages: RxPages, gather: FramePool<Arena>) {
    this.host = host
    this.index = index
    this.name = `${host.name}-q${index}`
    this.engine = engine
    this.counters = new QueueCounters()
    this.pages = pages
    this.gather = gather
    this.work = new Work()
    this.round = { open: false, noted: 0, fastFrames: 0, slowDue: false }
    this.fastPath = null
    this.observer = null
    this.stopped = true
    this.link = null
    this.failed = false
    this.armed = false
    this.poller = engine.addPoller(this)
    this.pageFreed = () => this.schedulePoll()
    gather.onFree = () => {
      if (gather.free === 1) this.schedulePoll()
    }
  }

  /** The connection in place, or null. */
  get connection(): QueueLink | null {
    return this.link
  }

  /** A backend is there: `link` carries from now on. */
  connect(link: QueueLink): void {
    this.link = link
    this.failed = false
    this.round.open = false
    this.round.slowDue = false
    this.refill(link)
    this.schedulePoll()
  }

  /** The backend is gone. What stood in the rings has been given back by the caller. */
  disconnect(): void {
    this.stopped = true
    this.link = null
    this.round.open = false
    this.round.slowDue = false
  }

  /** Ends the queue for good. Its pages go back when the stack has released the last frame it was given. */
  close(domain: Domain): void {
    this.disconnect()
    this.poller.remove()
    this.pages.close(() => domain.extent.freePages(this.pages.arena))
    freeWhenIdle(domain, this.gather)
  }

  poll(budget: number): boolean {
    const link = this.link
    if (link !== null && !this.failed) return pollQueue(this, link, budget)
    const fast = this.fastPath
    if (fast === null) return false
    fast.poll(budget)
    return fast.more || !this.arm(fast)
  }

  /**
   * frames[from] and those behind it, up to `to`, go by the ring, and no fast path wants to know. The first n of them are
   * taken; n is returned. {@link flushSlow} shows them to the backend.
   */
  sendRun(frames: readonly Frame[], from: number, to: number): number {
    let taken = from
    while (taken < to && !this.stopped) {
      const plain = this.sendPlain(frames, taken, to)
      if (plain > 0) taken += plain
      else if (this.sendSlow(frames[taken])) taken++
      else break
    }
    return taken - from
  }

  /** How many of the frames from `from` on {@link sendPlain} would surely take. */
  plainRun(frames: readonly Frame[], from: number, to: number): number {
    return this.link === null ? 0 : this.link.tx.plainRun(frames, from, to)
  }

  /** The frames from `from` on for as long as they are plain; see {@link TxRing.sendPlain}. Returns how many. */
  sendPlain(frames: readonly Frame[], from: number, to: number): number {
    const { link, observer } = this
    if (link === null) return 0
    const sent = link.tx.sendPlain(frames, from, to)
    // Nothing has been shown to the backend yet, so the frames are still as they were sent.
    if (observer !== null) for (let i = from; i < from + sent; i++) observer.sent(frames[i], 'slow')
    if (!link.tx.roomy) this.stopped = true
    return sent
  }

  sendSlow(frame: Frame): boolean {
    const link = this.link
    if (link === null) {
      this.counters.dropped.count('netfront_tx_not_connected', frame.segments, frame.length)
      frame.release()
      return true
    }
    const fast = this.fastPath
    const before = this.counters.tx_packets
    if (fast !== null && fast.ordersTx) fast.slowSending(frame)
    const taken = link.tx.send(frame)
    // A frame that was dropped instead has not been sent by any path.
    if (this.counters.tx_packets !== before) {
      if (fast !== null && fast.ordersTx) fast.slowSent(frame)
      if (this.observer !== null) this.observer.sent(frame, 'slow')
    }
    if (!link.tx.roomy) this.stopped = true
    return taken
  }

  flushSlow(): void {
    const link = this.link
    if (link !== null && link.tx.ring.pushRequests()) link.notifyTx()
    this.work.settle(this.engine)
  }

  stop(): void {
    this.stopped = true
  }

  wakeIfReady(): void {
    const link = this.link
    if (!this.stopped || link === null || !this.host.running || !link.tx.roomy) return
    if (this.fastPath !== null && !this.fastPath.hasRoom()) return
    this.stopped = false
    if (this.host.stack !== null) this.host.stack.wake()
  }

  deliver(frame: Frame): void {
    const stack = this.host.stack
    if (stack !== null) return stack.receive(frame)
    this.counters.dropped.count('netfront_rx_no_stack', frame.segments, frame.length)
    frame.release()
  }

  notifyBackend(): void {
    this.link?.notifyRx()
  }

  /**
   * An event of the backend's. False: it was for nothing, since no response stands in a ring (Linux xennet_interrupt); an
   * accelerator's half may have been meant, so beside one every event counts.
   */
  event(): boolean {
    const { link } = this
    const wanted = this.fastPath !== null || (link !== null && !this.failed && hasResponses(link))
    if (wanted) this.schedulePoll()
    return wanted
  }

  schedulePoll(): void {
    if (this.armed) {
      this.armed = false
      this.fastPath?.disarm()
    }
    this.poller.schedule()
  }

  /** Ask the fast path for an interrupt; true if the queue may sleep. */
  arm(fast: FastPath): boolean {
    this.armed = fast.arm()
    return this.armed
  }

  get slowOutstanding(): number {
    return this.link === null ? 0 : this.link.tx.framesOutstanding
  }

  eachSlow(look: (frame: Frame) => void): void {
    if (this.link !== null) this.link.tx.eachOutstanding(look)
  }

  get dry(): boolean {
    return this.host.txPool.dry
  }

  freeSlots(): number {
    return this.link === null ? 0 : this.link.tx.ring.freeRequests()
  }

  /** Post pages, and show them to the backend if they are enough for any packet. */
  refill(link: QueueLink): void {
    const enough = link.rx.refill()
    this.pages.onFree = enough ? null : this.pageFreed
    if (enough && link.rx.ring.pushRequests()) link.notifyRx()
  }

  /** Charge what has been done. */
  settle(): void {
    this.work.settle(this.engine)
  }

  broken(reason: TxFault | RxFault): void {
    this.stopped = true
    this.failed = true
    this.settle()
    this.host.broken(reason)
  }
}

/** A lying producer counts: the poll finds the lie. */
function hasResponses(link: QueueLink): boolean {
  return link.tx.ring.unconsumedResponses() !== 0 || link.rx.ring.unconsumedResponses() !== 0
}
