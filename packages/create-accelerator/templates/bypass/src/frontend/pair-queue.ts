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
import { ETH_DESTINATION, ETH_HEADER, PacketInfo, parsePacket, setBlank } from '@netaccel/core'
import {
  ARM,
  BLANK,
  BUFFER_BYTES,
  bufferAddress,
  DONE,
  LENGTH_MASK,
  LONGEST,
  PAGE,
  REFUSED,
  RX_HEAD,
  RX_TAIL,
  SEEN,
  TX_TAIL,
} from '../layout.js'
import type { MappedQueues } from './mapped-queues.js'

/** First bit of an address: a group's. */
const GROUP = 0x0100
/** Buffers posted with one notification (PF-02). */
const POST_BATCH = 16
/** The stack holds nearly all buffers: look again after this long, in ms. */
const LATER_MS = 0.25

export interface PairParts {
  readonly vif: FrontendVif
  readonly queues: MappedQueues
  /** Where ordinary frames lie; the switch copies them from there, once. */
  readonly send: Arena
  readonly receive: FramePool
  readonly channel: Channel
}

/**
 * The hooks that netfront calls, over one pair of rings. All of it is synchronous, allocates nothing and never throws;
 * the numbers in brackets are rules (`netaccel explain TX-03`).
 */
export class PairQueue implements AcceleratedQueue {
  readonly txDepth: number
  readonly rxDepth: number
  private readonly parts: PairParts
  private readonly queue: FrontendQueue
  /** By place of the descriptor: the frame that is with the switch. */
  private readonly sent: (Frame | null)[]
  private readonly posted: (Frame | null)[]
  private readonly refusedCounter: { value: number }
  private readonly later: ScopeTimer
  private laterDue = true
  private sendHead = 0
  private sendTail = 0
  private sendRung = 0
  private bufferHead = 0
  private bufferTail = 0
  private armedCount = 0
  /** The switch has to be told of a register. */
  private news = false
  private seen = 0
  /** Bytes of the poll under way that were copied for us. */
  private bytes = 0
  private readonly info = new PacketInfo()
  private longest: number
  private open = true
  private carrier = true
  private isGone = false
  private armed = false

  constructor(parts: PairParts, queue: FrontendQueue) {
    const { queues, vif } = parts
    this.parts = parts
    this.queue = queue
    this.txDepth = queues.sends.capacity
    this.rxDepth = queues.buffers.capacity
    this.sent = Array.from({ length: this.txDepth }, () => null)
    this.posted = Array.from({ length: this.rxDepth }, () => null)
    this.refusedCounter = vif.counter('tx_refused')
    this.longest = longestOf(vif.mtu)
    this.later = vif.after(LATER_MS, () => {
      this.laterDue = false
      queue.schedule()
    })
    this.see()
    this.post()
    this.tell()
  }

  // --- the way out

  /** What is carried, and to whom: pure, so that the host may ask at any time (TX-06). */
  accepts(frame: Frame): boolean {
    const { offset, length, view } = frame
    if (!this.open || !this.carrier || frame.gsoSize !== 0) return false
    if (length < ETH_HEADER || length > this.longest) return false
    const { send, queues } = this.parts
    const within = offset - send.offset
    if (frame.bytes !== send.bytes || within < 0 || within + length > send.length) return false
    if ((within & (PAGE - 1)) + length > PAGE) return false
    const high = view.getUint16(offset + ETH_DESTINATION)
    return (high & GROUP) === 0 && queues.peers.has(high, view.getInt32(offset + ETH_DESTINATION + 2))
  }

  /** "Cannot" before "no room": what would never be accepted is declined at once (TX-07). */
  startXmit(frame: Frame): Verdict {
    if (!this.accepts(frame)) return 'declined'
    const { queues, send } = this.parts
    if (!this.hasRoom()) return 'busy'
    const within = frame.offset - send.offset
    const address = bufferAddress(queues.sendBase + (within >>> 12), within & (PAGE - 1))
    const blank = frame.checksum === 'blank' ? BLANK : 0
    queues.sends.write(this.sendTail, address, frame.length | blank)
    this.sent[this.sendTail & (this.txDepth - 1)] = frame
    this.sendTail = (this.sendTail + 1) >>> 0
    this.queue.charge('descriptor', 1)
    return 'accepted'
  }

  /** One notification a burst (PF-02); from here on all that was accepted leaves by itself (TX-10). */
  flush(): void {
    if (this.sendRung === this.sendTail) return
    this.sendRung = this.sendTail
    this.register(TX_TAIL, this.sendTail)
    this.tell()
  }

  hasRoom(): boolean {
    return (this.sendTail - this.sendHead) >>> 0 < this.txDepth
  }

  // --- the way in, and what has left

  poll(budget: number): 'idle' | 'more' {
    const completed = this.reap()
    const received = this.receive(budget)
    if (completed + received > 0) this.queue.charge('event', completed + received)
    // The one copy was made in the driver domain, which has no door to charge it at; it was made for us.
    if (this.bytes > 0) this.queue.charge('byte', this.bytes)
    this.bytes = 0
    if (received > 0) this.register(RX_HEAD, this.bufferHead)
    if (this.peersChanged) this.see()
    if (this.isGone && !this.frameDone) this.failAll()
    this.post()
    if (this.news) this.tell()
    return this.frameDone ? 'more' : 'idle'
  }

  /** Arms first and looks then: what came in between is either seen here or wakes (IR-01). */
  startInterrupts(): 'armed' | 'waiting' {
    this.armed = true
    this.parts.channel.unmask()
    this.armedCount = (this.armedCount + 1) >>> 0
    this.register(ARM, this.armedCount)
    this.news = false
    if (!this.frameDone && !this.sendDone && !this.peersChanged) return 'armed'
    this.stopInterrupts()
    return 'waiting'
  }

  stopInterrupts(): void {
    this.armed = false
    this.parts.channel.mask()
  }

  // --- the attachment's

  /** The switch has something. May come late, or for nothing. */
  interrupt(): void {
    this.parts.channel.mask()
    if (!this.armed) return
    this.armed = false
    this.queue.schedule()
  }

  setCarrier(up: boolean): void {
    this.carrier = up
  }

  setMtu(mtu: number): void {
    this.longest = longestOf(mtu)
  }

  /** Accept nothing more; what is with the switch still comes back. */
  shut(): void {
    this.open = false
  }

  /** The switch is gone: what is with it will not leave. It comes back in the next poll. */
  gone(): void {
    this.isGone = true
    this.open = false
    this.queue.schedule()
  }

  /** The switch can write to no buffer any more: those that it had go back to their pool (MEM-05). */
  releaseBuffers(): void {
    this.isGone = true
    for (let place = 0; place < this.posted.length; place++) {
      this.posted[place]?.release()
      this.posted[place] = null
    }
    this.bufferHead = this.bufferTail
  }

  private get sendDone(): boolean {
    return this.sendHead !== this.sendTail && (this.parts.queues.sends.word1(this.sendHead) & DONE) !== 0
  }

  private get frameDone(): boolean {
    return (
      this.bufferHead !== this.bufferTail && (this.parts.queues.buffers.word1(this.bufferHead) & DONE) !== 0
    )
  }

  private get peersChanged(): boolean {
    const { queues } = this.parts
    return !this.isGone && queues.peers.version !== this.seen
  }

  /** From here on nothing is sent to who is not in the list any more; all that was sent before stands in the ring. */
  private see(): void {
    this.seen = this.parts.queues.peers.version
    this.register(SEEN, this.seen)
  }

  private register(at: number, value: number): void {
    const { registers } = this.parts.queues
    registers.view.setUint32(registers.offset + at, value, true)
    this.news = true
  }

  /** One notification for all that the switch has to know. */
  private tell(): void {
    this.news = false
    this.parts.channel.notify()
  }

  /** Completes what has left. Each lent frame once, whatever stands in the ring (TX-02): it ends at the last one lent. */
  private reap(): number {
    const { sends } = this.parts.queues
    let count = 0
    for (; this.sendHead !== this.sendTail; count++) {
      const word = sends.word1(this.sendHead)
      if ((word & DONE) === 0) break
      const place = this.sendHead & (this.txDepth - 1)
      const frame = this.sent[place]
      this.sent[place] = null
      this.sendHead = (this.sendHead + 1) >>> 0
      if (frame === null) continue
      if ((word & REFUSED) === 0) this.queue.completeTx(frame)
      else {
        this.refusedCounter.value++
        this.queue.failTx(frame, 'refused')
      }
    }
    return count
  }

  /** At most `budget` frames, and at most one lap of the ring whatever stands in it (RX-01, RX-09). */
  private receive(budget: number): number {
    const { buffers } = this.parts.queues
    let delivered = 0
    let count = 0
    for (; delivered < budget && count < this.rxDepth && this.bufferHead !== this.bufferTail; count++) {
      const word = buffers.word1(this.bufferHead)
      if ((word & DONE) === 0) break
      const place = this.bufferHead & (this.rxDepth - 1)
      const frame = this.posted[place]
      this.posted[place] = null
      this.bufferHead = (this.bufferHead + 1) >>> 0
      if (frame !== null && this.deliver(frame, word)) delivered++
    }
    return count
  }

  /** What the switch says of a buffer is checked; one that makes no sense costs its own frame only (RX-07). */
  private deliver(frame: Frame, word: number): boolean {
    const length = word & LENGTH_MASK
    if (length < ETH_HEADER || length > LONGEST) {
      frame.release()
      this.queue.dropRx('malformed', 1, length)
      return false
    }
    frame.length = length
    frame.checksum = 'none'
    this.bytes += length
    // A checksum that the sender's stack has left open stays open, as it would by the ring: the guests are on one machine.
    if ((word & BLANK) !== 0 && parsePacket(frame, this.info)) setBlank(frame, this.info)
    frame.length = length
    this.queue.deliver(frame)
    return true
  }

  /** Posts what the stack has given back, in batches; a delivered frame's buffer is not posted before (RX-05). */
  private post(): void {
    if (this.isGone) return
    const waiting = (this.bufferTail - this.bufferHead) >>> 0
    const room = Math.min(this.rxDepth - waiting, this.parts.receive.free)
    if (room >= POST_BATCH || (room > 0 && waiting === 0)) this.postSome(room)
    // No interrupt comes for a buffer that the stack gives back, so somebody has to look.
    if (this.laterDue || waiting >= this.rxDepth >>> 2 || this.parts.vif.signal.aborted) return
    this.laterDue = true
    this.later.again(LATER_MS)
  }

  private postSome(count: number): void {
    const { queues, receive } = this.parts
    for (let i = 0; i < count; i++) {
      const frame = receive.take()
      if (frame === undefined) break
      const within = frame.offset - receive.arena.offset
      const address = bufferAddress(queues.receiveBase + (within >>> 12), within & (PAGE - 1))
      queues.buffers.write(this.bufferTail, address, BUFFER_BYTES)
      this.posted[this.bufferTail & (this.rxDepth - 1)] = frame
      this.bufferTail = (this.bufferTail + 1) >>> 0
    }
    this.queue.charge('descriptor', count)
    this.register(RX_TAIL, this.bufferTail)
  }

  private failAll(): void {
    for (; this.sendHead !== this.sendTail; this.sendHead = (this.sendHead + 1) >>> 0) {
      const place = this.sendHead & (this.txDepth - 1)
      const frame = this.sent[place]
      this.sent[place] = null
      if (frame !== null) this.queue.failTx(frame, 'reset')
    }
  }
}

function longestOf(mtu: number): number {
  return Math.min(LONGEST, mtu + ETH_HEADER)
}
