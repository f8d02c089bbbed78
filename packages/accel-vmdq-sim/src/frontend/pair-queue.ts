// Stage 3f of a frame's way out and in, the accelerator's side: the hooks that netfront calls.
import type {
  AcceleratedQueue,
  Arena,
  Channel,
  Frame,
  FramePool,
  FrontendQueue,
  FrontendVif,
  ScopeTimer,
  Verdict,
} from '@netaccel/core'
import { ETH_DESTINATION, ETH_HEADER, ETH_SOURCE } from '@netaccel/core'
import {
  BELL_ARM,
  BELL_POST,
  BELL_READ,
  BELL_SEND,
  BUFFER_BYTES,
  bufferAddress,
  DONE_MISSED,
  DONE_RECEIVED,
  DONE_REFUSED,
  KIND_MASK,
  KIND_SHIFT,
  LENGTH_MASK,
  LONGEST,
  PAGE,
  phaseOf,
  SUM,
  SUM_GOOD,
} from '../layout.js'
import type { MappedQueues } from './mapped-queues.js'
import type { RemoteMacs } from './remote-macs.js'

const GROUP = 0x0100
/** Buffers posted with one doorbell (PF-02). */
const POST_BATCH = 16
/** Buffers whose completions may be missing before one that is named is believed. */
const MOST_MISSED = 16
/** The stack holds nearly all buffers: look again after this long, ms. */
const LATER_MS = 0.25

export interface PairParts {
  readonly queues: MappedQueues
  /** The pages that ordinary frames lie in, registered from `queues.sendBase` on. */
  readonly send: Arena
  readonly receive: FramePool
  readonly channel: Channel
  readonly macs: RemoteMacs
  readonly vif: FrontendVif
}

/** The hooks over one pair of queues. Synchronous; allocates nothing a frame. */
export class PairQueue implements AcceleratedQueue {
  readonly txDepth: number
  readonly rxDepth: number
  private readonly parts: PairParts
  private readonly queue: FrontendQueue
  /** By place of the descriptor: what is with the NIC. */
  private readonly sent: (Frame | null)[]
  private readonly posted: (Frame | null)[]
  private readonly missedCounter: { value: number }
  private readonly refusedCounter: { value: number }
  private readonly badCounter: { value: number }
  private readonly learntCounter: { value: number }
  private readonly later: () => void
  private sendTail = 0
  private sendRung = 0
  private postTail = 0
  private postHead = 0
  private sending = 0
  private waitingBuffers = 0
  private doneHead = 0
  private doneTold = 0
  private longest: number
  private open = true
  private armed = false
  private isGone = false
  private laterDue = false
  private laterTimer: ScopeTimer | null = null

  constructor(parts: PairParts, queue: FrontendQueue) {
    const { queues, vif } = parts
    this.parts = parts
    this.queue = queue
    this.txDepth = queues.sends.capacity
    this.rxDepth = queues.posts.capacity
    this.sent = Array.from({ length: queues.sends.capacity }, () => null)
    this.posted = Array.from({ length: queues.posts.capacity }, () => null)
    this.missedCounter = vif.counter('rx_missed')
    this.refusedCounter = vif.counter('tx_refused')
    this.badCounter = vif.counter('bad_completions')
    this.learntCounter = vif.counter('macs_learnt')
    this.longest = longestOf(vif.mtu)
    this.later = () => {
      this.laterDue = false
      queue.schedule()
    }
    this.post()
  }

  // --- out

  accepts(frame: Frame): boolean {
    const { offset, length, view } = frame
    if (!this.open || frame.gsoSize !== 0 || length < ETH_HEADER || length > this.longest) return false
    const { send, macs } = this.parts
    if (offset < send.offset || offset + length > send.offset + send.length || frame.bytes !== send.bytes)
      return false
    const high = view.getUint16(offset + ETH_DESTINATION)
    return (high & GROUP) === 0 && macs.has(high, view.getInt32(offset + ETH_DESTINATION + 2))
  }

  startXmit(frame: Frame): Verdict {
    if (!this.accepts(frame)) return 'declined'
    const { queues, send } = this.parts
    if (this.sending === queues.sends.capacity) return 'busy'
    const within = frame.offset - send.offset
    const address = bufferAddress(queues.sendBase + (within >>> 12), within & (PAGE - 1))
    const sum = frame.checksum === 'blank' ? SUM : 0
    queues.sends.write(this.sendTail, address, frame.length | sum)
    this.sent[this.sendTail & (queues.sends.capacity - 1)] = frame
    this.sendTail = (this.sendTail + 1) >>> 0
    this.sending++
    this.queue.charge('descriptor', 1)
    return 'accepted'
  }

  flush(): void {
    if (this.sendRung === this.sendTail) return
    this.sendRung = this.sendTail
    this.parts.queues.bell.write32(BELL_SEND, this.sendTail)
  }

  hasRoom(): boolean {
    return this.sending < this.parts.queues.sends.capacity
  }

  // --- in

  poll(budget: number): 'idle' | 'more' {
    const most = this.parts.queues.done.capacity
    let delivered = 0
    let handled = 0
    while (delivered < budget && handled < most && this.unread) {
      handled++
      if (this.handle()) delivered++
    }
    if (handled > 0) {
      this.queue.charge('event', handled)
      this.credit()
    }
    const more = (delivered === budget || handled === most) && this.unread
    if (this.isGone && !this.unread) this.failAll()
    this.post()
    return more ? 'more' : 'idle'
  }

  startInterrupts(): 'armed' | 'waiting' {
    if (this.unread) return 'waiting'
    this.armed = true
    this.parts.channel.unmask()
    // Looks and asks in one: the NIC wakes at once for what has come since the look (IR-01).
    this.parts.queues.bell.write32(BELL_ARM, this.doneHead)
    return 'armed'
  }

  stopInterrupts(): void {
    this.armed = false
    this.parts.channel.mask()
  }

  // --- the attachment's

  interrupt(): void {
    this.parts.channel.mask()
    if (!this.armed) return
    this.armed = false
    this.queue.schedule()
  }

  setCarrier(up: boolean): void {
    this.open = up && !this.isGone
  }

  setMtu(mtu: number): void {
    this.longest = longestOf(mtu)
  }

  /** Accept nothing more; what is with the NIC still comes back. */
  shut(): void {
    this.open = false
  }

  /** The queues are gone: what is still with them will not leave. */
  gone(): void {
    this.isGone = true
    this.open = false
    this.queue.schedule()
  }

  /** Buffers that the NIC can write to no more go back to their pool. */
  releaseBuffers(): void {
    while (this.waitingBuffers > 0) this.takePosted().release()
    this.isGone = true
  }

  private get unread(): boolean {
    const { done } = this.parts.queues
    return done.read(this.doneHead, 4) >>> 31 === phaseOf(this.doneHead, done.capacity)
  }

  /** One completion. True: a frame was delivered. */
  private handle(): boolean {
    const { done } = this.parts.queues
    const word0 = done.read(this.doneHead, 0)
    const word1 = done.read(this.doneHead, 4)
    this.doneHead = (this.doneHead + 1) >>> 0
    const place = word0 & 0xffff
    const kind = (word0 >>> KIND_SHIFT) & KIND_MASK
    if (kind === DONE_RECEIVED) return this.received(place, word1)
    if (kind === DONE_MISSED) {
      this.missedCounter.value += place
      this.queue.dropRx('no-descriptor', place, 0)
    } else this.completed(place, kind === DONE_REFUSED)
    return false
  }

  private completed(place: number, refused: boolean): void {
    const frame = this.sent[place] ?? null
    if (frame === null) {
      this.badCounter.value++
      return
    }
    this.sent[place] = null
    this.sending--
    if (!refused) return this.queue.completeTx(frame)
    this.refusedCounter.value++
    this.queue.failTx(frame, 'refused')
  }

  private received(place: number, word1: number): boolean {
    if (!this.align(place)) {
      this.badCounter.value++
      return false
    }
    const frame = this.takePosted()
    const length = word1 & LENGTH_MASK
    if (length < ETH_HEADER || length > BUFFER_BYTES) {
      frame.release()
      this.queue.dropRx('malformed', 1, length)
      return false
    }
    frame.length = length
    frame.checksum = (word1 & SUM_GOOD) === 0 ? 'none' : 'verified'
    const { view, offset } = frame
    const high = view.getUint16(offset + ETH_SOURCE)
    if ((high & GROUP) === 0 && this.parts.macs.learn(high, view.getInt32(offset + ETH_SOURCE + 2)))
      this.learntCounter.value++
    this.queue.deliver(frame)
    return true
  }

  /**
   * Buffers come back in the order in which they were posted. Those before this one come back with it: their completions
   * were lost, and with them what they held (RX-07). False: the completion is not to be believed.
   */
  private align(place: number): boolean {
    const { capacity } = this.parts.queues.posts
    const missed = (place - this.postHead) & (capacity - 1)
    if (place >= capacity || missed >= this.waitingBuffers || missed > MOST_MISSED) return false
    if (missed === 0) return true
    for (let i = 0; i < missed; i++) this.takePosted().release()
    this.badCounter.value += missed
    this.queue.dropRx('malformed', missed, 0)
    return true
  }

  /** The buffer that was posted first; one is posted. */
  private takePosted(): Frame {
    const place = this.postHead & (this.posted.length - 1)
    const frame = this.posted[place] as Frame
    this.posted[place] = null
    this.postHead = (this.postHead + 1) >>> 0
    this.waitingBuffers--
    return frame
  }

  /** Tell the NIC what was read, once a quarter of the ring at most. */
  private credit(): void {
    const { done, bell } = this.parts.queues
    if ((this.doneHead - this.doneTold) >>> 0 < done.capacity >>> 2) return
    this.doneTold = this.doneHead
    bell.write32(BELL_READ, this.doneHead)
  }

  private post(): void {
    if (this.isGone) return
    const { queues, receive } = this.parts
    const { capacity } = queues.posts
    const room = Math.min(capacity - this.waitingBuffers, receive.free)
    if (room >= POST_BATCH || (room > 0 && this.waitingBuffers === 0)) this.postSome(room)
    // No completion comes for a buffer that the stack gives back, so somebody has to look.
    if (this.laterDue || this.waitingBuffers >= capacity >>> 2) return
    this.laterDue = true
    if (this.laterTimer === null) this.laterTimer = this.parts.vif.after(LATER_MS, this.later)
    else this.laterTimer.again(LATER_MS)
  }

  private postSome(count: number): void {
    const { queues, receive } = this.parts
    const { capacity } = queues.posts
    for (let i = 0; i < count; i++) {
      const frame = receive.take()
      if (frame === undefined) break
      const within = frame.offset - receive.arena.offset
      const address = bufferAddress(queues.receiveBase + (within >>> 12), within & (PAGE - 1))
      queues.posts.write(this.postTail, address, BUFFER_BYTES)
      this.posted[this.postTail & (capacity - 1)] = frame
      this.postTail = (this.postTail + 1) >>> 0
      this.waitingBuffers++
    }
    this.queue.charge('descriptor', count)
    queues.bell.write32(BELL_POST, this.postTail)
  }

  private failAll(): void {
    for (let place = 0; place < this.sent.length; place++) {
      const frame = this.sent[place]
      if (frame === null) continue
      this.sent[place] = null
      this.sending--
      this.queue.failTx(frame, 'reset')
    }
  }
}

function longestOf(mtu: number): number {
  return Math.min(LONGEST, mtu + ETH_HEADER)
}
