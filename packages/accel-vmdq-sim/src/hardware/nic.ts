// Stage 4f of a frame's way out and in, for a NIC with queues per guest: device and driver.
import type {
  AcceleratedPort,
  Filter,
  FilterProvider,
  FilterStatus,
  FlowKey,
  Frame,
  HardwareContext,
  PortChange,
  PortObserver,
  ScopeTimer,
  Vi,
  ViProvider,
  ViRequest,
  ViStatus,
  WordView,
} from '@netaccel/core'
import { copyBytes, ETH_DESTINATION, ETH_HEADER, fillChecksum, PacketInfo } from '@netaccel/core'
import { parsePacket, setBlank, verifyChecksum, wordsOf } from '@netaccel/core'
import { DONE_REFUSED, DONE_SENT, KIND, KIND_SHIFT, LENGTH_MASK, LONGEST, SUM } from '../layout.js'
import { OutFrames } from './out-frames.js'
import { Patience } from './patience.js'
import { QueuePair } from './queue-pair.js'
import type { PairOwner } from './queue-pair.js'
import { fits, isMacOnly, steerTo } from './requests.js'
import { SharedCompletions } from './shared-completions.js'
import { Steering } from './steering.js'
import type { Steer } from './steering.js'
import { whole } from './word-ring.js'

/** Pairs of queues beside the driver's own; frames that are on their way out; buffers for the driver domain. */
const PAIRS = 32
const OUT_FRAMES = 128
const HOST_FRAMES = 512
const FRAME_BYTES = 2048
/** Frames of one pair before the next has its turn. */
const QUANTUM = 16

/**
 * Device and driver of the NIC. It has a pair of queues for each guest that asks, tells them apart by destination MAC
 * address and by nothing else, and reports all of them in one completion queue. It fills in checksums and cuts nothing.
 */
export class VmdqNic implements AcceleratedPort, PairOwner {
  readonly name: string
  readonly kind = KIND
  readonly mac: string
  readonly mtu = 1500
  readonly vis: ViProvider
  readonly filters: FilterProvider
  readonly completions = new SharedCompletions()
  private readonly context: HardwareContext
  private readonly pairs: (QueuePair | null)[] = Array.from({ length: PAIRS }, () => null)
  private readonly steering = new Steering()
  private readonly hostFrames: ReturnType<HardwareContext['pool']>
  private readonly outFrames: ReturnType<HardwareContext['pool']>
  private readonly out: OutFrames
  private readonly outWords: WordView
  private readonly hostWords: WordView
  private readonly info = new PacketInfo()
  private readonly changed: ((change: PortChange) => void)[] = []
  private observers: readonly PortObserver[] = []
  private waiters: (() => void)[] = []
  private turn = 0
  private sendDue = false
  private tellDue = false
  /** Made once: each runs for every batch. */
  private readonly sendNow = (): void => {
    this.sendDue = false
    this.send()
  }
  private readonly tellNow = (): void => {
    this.tellDue = false
    this.tell()
  }
  private readonly tellOne = (id: number, word0: number, word1: number): void =>
    this.pairs[id]?.tell(word0, word1)
  /** With a frame that waits for a guest's buffer. */
  private readonly patience: Patience
  private sendTimer: ScopeTimer | null = null
  private tellTimer: ScopeTimer | null = null

  constructor(context: HardwareContext) {
    this.context = context
    this.patience = new Patience(context)
    this.name = context.name
    this.mac = context.mac
    this.hostFrames = context.pool(HOST_FRAMES, FRAME_BYTES)
    this.outFrames = context.pool(OUT_FRAMES, FRAME_BYTES)
    this.hostWords = wordsOf(this.hostFrames.arena.bytes, this.hostFrames.arena.view)
    this.out = new OutFrames(this.outFrames.arena, OUT_FRAMES)
    this.outWords = wordsOf(this.outFrames.arena.bytes, this.outFrames.arena.view)
    this.vis = { capacity: PAIRS, create: (request) => this.createPair(request) }
    this.filters = {
      capacity: PAIRS,
      supports: isMacOnly,
      insert: (key, vi) => this.steer(key, vi),
    }
    const { wire } = context
    wire.onSent((frame) => this.left(frame))
    wire.onFrame((frame) => this.arrived(frame))
    context.signal.addEventListener('abort', () => {
      for (const settle of this.waiters.splice(0)) settle()
    })
    wire.onLink((up) => {
      for (const changed of this.changed) changed({ kind: 'link', up })
    })
  }

  get link(): boolean {
    return this.context.wire.link
  }

  onChange(changed: (change: PortChange) => void): void {
    this.changed.push(changed)
  }

  observe(observer: PortObserver): void {
    this.observers = [...this.observers, observer]
  }

  /** The driver's own queue: the wire's. */
  transmit(frame: Frame): 'taken' | 'full' {
    if (this.context.wire.send(frame) === 'full') return 'full'
    const { observers } = this
    for (let i = 0; i < observers.length; i++) observers[i].transmitted?.(frame)
    return 'taken'
  }

  /** Frames are handed over as they arrive; what is in a guest's buffer is told with the next look at the completions. */
  handedOver(): Promise<void> {
    if (this.completions.count === 0 || this.context.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => this.waiters.push(resolve))
  }

  // --- PairOwner

  memory(...of: Parameters<HardwareContext['memory']>): ReturnType<HardwareContext['memory']> {
    return this.context.memory(...of)
  }

  ioPage(written: (offset: number, value: number) => void): ReturnType<HardwareContext['ioPage']> {
    return this.context.ioPage(written)
  }

  /** Doorbells only note that there is work: it is the NIC's, not the guest's. */
  sendSoon(): void {
    if (this.sendDue || this.context.signal.aborted) return
    this.sendDue = true
    if (this.sendTimer === null) this.sendTimer = this.context.after(0, this.sendNow)
    else this.sendTimer.again(0)
  }

  posted(): void {
    this.context.wire.ready()
  }

  tellSoon(): void {
    if (this.tellDue || this.context.signal.aborted) return
    this.tellDue = true
    if (this.tellTimer === null) this.tellTimer = this.context.after(0, this.tellNow)
    else this.tellTimer.again(0)
  }

  closed(pair: QueuePair): void {
    if (this.pairs[pair.id] !== pair) return
    this.pairs[pair.id] = null
    this.patience.end()
    this.steering.forget(pair)
    this.out.forget(pair.id)
    this.posted()
  }

  // --- out

  /** The pairs take turns; each frame is copied, summed and given to the wire. */
  private send(): void {
    for (let idle = 0; idle < PAIRS;) {
      const pair = this.pairs[this.turn]
      this.turn = (this.turn + 1) % PAIRS
      const sent = pair === null ? 0 : this.sendSome(pair)
      if (sent < 0) return
      idle = sent === 0 ? idle + 1 : 0
    }
  }

  /** Frames taken of one pair; -1: the wire or the NIC's memory is full, {@link left} goes on. */
  private sendSome(pair: QueuePair): number {
    let done = 0
    for (; done < QUANTUM && pair.wantsToSend; done++) {
      const frame = this.outFrames.take()
      if (frame === undefined) return -1
      const address = pair.sendWord0() >>> 0
      const word1 = pair.sendWord1()
      const length = word1 & LENGTH_MASK
      if (length < ETH_HEADER || length > LONGEST || !pair.table.holds(address, length)) {
        frame.release()
        this.complete(pair, pair.takeSend(), DONE_REFUSED)
        continue
      }
      pair.table.read(address, this.outWords, frame.offset, length)
      frame.length = length
      if ((word1 & SUM) !== 0 && parsePacket(frame, this.info) && setBlank(frame, this.info))
        fillChecksum(frame)
      frame.checksum = 'none'
      // The sum is of the packet alone; what pads it out leaves with it.
      frame.length = length
      if (this.context.wire.send(frame) === 'full') {
        frame.release()
        return -1
      }
      this.out.push(pair.id, pair.takeSend())
    }
    return done
  }

  private complete(pair: QueuePair, place: number, kind: number): void {
    this.completions.push(pair.id, place | (kind << KIND_SHIFT), 0)
    this.tellSoon()
  }

  /** A frame has left: a guest's, which is completed, or the driver's, which is given back. */
  private left(frame: Frame): void {
    const whose = this.out.has(frame) ? this.out.shift() : -1
    const pair = whose < 0 ? null : this.pairs[whose >>> 16]
    if (pair !== null) this.complete(pair, whose & 0xffff, DONE_SENT)
    frame.release()
    this.sendSoon()
  }

  // --- in

  private arrived(frame: Frame): 'taken' | 'full' {
    const at = frame.offset + ETH_DESTINATION
    const steer = this.steering.find(frame.view.getUint16(at), frame.view.getInt32(at + 2))
    return steer === null ? this.toHost(frame) : this.toPair(frame, steer)
  }

  private toHost(frame: Frame): 'taken' | 'full' {
    const to = this.hostFrames.take()
    if (to === undefined) return 'full'
    copyBytes(this.hostWords, to.offset, wordsOf(frame.bytes, frame.view), frame.offset, frame.length)
    to.length = frame.length
    to.checksum = parsePacket(to, this.info) && verifyChecksum(to, this.info) ? 'verified' : 'none'
    const { observers } = this
    for (let i = 0; i < observers.length; i++) observers[i].received?.(to)
    this.context.received(to)
    return 'taken'
  }

  private toPair(frame: Frame, steer: Steer): 'taken' | 'full' {
    const { pair } = steer
    if (!pair.live) return this.toHost(frame)
    while (pair.canReceive) {
      const address = pair.bufferFor(frame.length)
      if (address === 0) {
        // No good, and the guest's own doing: it comes back empty.
        pair.received(0, false)
        continue
      }
      pair.table.write(address, wordsOf(frame.bytes, frame.view), frame.offset, frame.length)
      pair.received(frame.length, parsePacket(frame, this.info) && verifyChecksum(frame, this.info))
      steer.count++
      this.patience.end()
      return 'taken'
    }
    return this.waitFor(pair)
  }

  /** No buffer: the wire waits a while; then the frame is missed. */
  private waitFor(pair: QueuePair): 'taken' | 'full' {
    if (pair.stalled || this.patience.over) {
      this.patience.end()
      pair.stalled = true
      pair.miss()
      return 'taken'
    }
    this.patience.begin()
    return 'full'
  }

  // --- completions

  /** The driver reads the one completion queue and writes each guest what is its own. */
  private tell(): void {
    this.completions.drain(this.tellOne)
    const { pairs } = this
    for (let i = 0; i < pairs.length; i++) pairs[i]?.tellRest()
    if (this.waiters.length > 0) for (const settle of this.waiters.splice(0)) settle()
  }

  // --- pairs and addresses

  private createPair(request: ViRequest): QueuePair | ViStatus {
    const memory = whole(request.rings)
    if (memory === undefined || !fits(request, memory)) return 'unsupported'
    const id = this.pairs.indexOf(null)
    if (id < 0) return 'none-left'
    const pair = new QueuePair(id, request, memory, this)
    this.pairs[id] = pair
    return pair
  }

  private steer(key: FlowKey, vi: Vi): Filter | FilterStatus {
    if (!isMacOnly(key) || key.mac === undefined) return 'unsupported'
    const pair = this.pairs[vi.id]
    if (pair === null || pair === undefined || pair !== vi || !pair.live) return 'closed'
    const steer = steerTo(pair, key.mac)
    if (this.steering.find(steer.high, steer.low) !== null) return 'duplicate'
    this.steering.add(steer)
    return {
      key,
      vi,
      hits: () => steer.count,
      remove: () => {
        this.steering.remove(steer)
        this.patience.end()
        this.context.wire.ready()
      },
    }
  }
}
