import type {
  AcceleratedPort,
  FilterProvider,
  Frame,
  FramePool,
  HardwareContext,
  PortChange,
  PortObserver,
  ViProvider,
  ViRequest,
  ViStatus,
  WordView,
} from '@netaccel/core'
import {
  copyBytes,
  ETH_DESTINATION,
  ETH_HEADER,
  ETH_SOURCE,
  fillChecksum,
  PacketInfo,
  parsePacket,
  setBlank,
  verifyChecksum,
  wordsOf,
} from '@netaccel/core'
import { AddressTable } from '../addresses.js'
import { BUFFER_BYTES, KIND, LENGTH_MASK, LONGEST, PAGE, SLOTS, SUM } from '../layout.js'
import type { PairOwner } from './queue-pair.js'
import { QueuePair } from './queue-pair.js'
import { Steering } from './steering.js'
import type { Steer } from './steering.js'

/** Pairs of queues; the NIC's own memory for frames on their way out and for the driver domain. */
const PAIRS = 32
const OUT_FRAMES = 128
const HOST_FRAMES = 512
/** Frames of one pair before the next has its turn. */
const QUANTUM = 16
/** Milliseconds that the wire is held up for a guest without buffers, and between two sweeps of the addresses. */
const PATIENCE_MS = 1
const SWEEP_MS = 1000
/** First bit of an address: a group's. */
const GROUP = 0x0100
const NOBODY = -1

/**
 * Device and driver in one: a queue pair for each guest that asks, steering by destination address, checksums, and the
 * driver domain's own way out and in. Everything here runs on the NIC's engine, between two writes of a doorbell.
 */
export class Nic implements AcceleratedPort, PairOwner {
  readonly name: string
  readonly kind = KIND
  readonly mac: string
  readonly mtu = 1500
  readonly vis: ViProvider
  readonly filters: FilterProvider
  readonly addressPage: PairOwner['addressPage']
  private readonly context: HardwareContext
  private readonly addresses: AddressTable
  private readonly pairs: (QueuePair | null)[] = Array.from({ length: PAIRS }, () => null)
  private readonly steering: Steering
  private readonly hostFrames: FramePool
  private readonly hostWords: WordView
  private readonly outFrames: FramePool
  private readonly outWords: WordView
  /** The NIC's own frames, and whose send each of them is while it is out: the pair, and the index of the descriptor. */
  private readonly outPlace = new Map<Frame, number>()
  private readonly outPair = new Int16Array(OUT_FRAMES).fill(NOBODY)
  private readonly outIndex = new Float64Array(OUT_FRAMES)
  private readonly info = new PacketInfo()
  private readonly changed: ((change: PortChange) => void)[] = []
  private observers: readonly PortObserver[] = []
  private turn = 0
  private sendDue = false
  private readonly sendTimer: ReturnType<HardwareContext['after']>
  /** The wire waits for a guest's buffer, until its time is over. */
  private patience: { cancel(): void } | null = null
  private patienceOver = false

  constructor(context: HardwareContext) {
    const { wire } = context
    this.context = context
    this.name = context.name
    this.mac = context.mac
    this.hostFrames = context.pool(HOST_FRAMES, BUFFER_BYTES)
    this.outFrames = context.pool(OUT_FRAMES, BUFFER_BYTES)
    this.hostWords = wordsOf(this.hostFrames.arena.bytes, this.hostFrames.arena.view)
    this.outWords = wordsOf(this.outFrames.arena.bytes, this.outFrames.arena.view)
    this.numberOutFrames()
    const { arena } = context.pool(1, PAGE)
    this.addresses = new AddressTable(arena)
    this.addressPage = arena.pages[0]
    this.vis = { capacity: PAIRS, create: (request) => this.createPair(request) }
    this.steering = new Steering({
      capacity: PAIRS,
      pairOf: (vi) => this.pairs.find((pair) => pair === vi) ?? null,
      changed: () => this.posted(),
    })
    this.filters = this.steering
    wire.onSent((frame) => this.left(frame))
    wire.onFrame((frame) => this.arrived(frame))
    wire.onLink((up) => {
      for (const changed of this.changed) changed({ kind: 'link', up })
    })
    this.sendTimer = context.after(0, () => {
      this.sendDue = false
      this.send()
    })
    const sweep = context.after(SWEEP_MS, () => {
      this.addresses.sweep()
      sweep.again(SWEEP_MS)
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

  /** The slow way out: the driver domain's frames go straight to the wire, which keeps their order (FL-07). */
  transmit(frame: Frame): 'taken' | 'full' {
    if (this.context.wire.send(frame) === 'full') return 'full'
    this.isOnThisSide(frame)
    const { observers } = this
    for (let i = 0; i < observers.length; i++) observers[i].transmitted?.(frame)
    return 'taken'
  }

  /** A frame is with the driver domain or in its guest's buffer when `arrived` returns: nothing is under way (FL-08). */
  handedOver(): Promise<void> {
    return Promise.resolve()
  }

  // --- PairOwner

  memory(...of: Parameters<HardwareContext['memory']>): ReturnType<HardwareContext['memory']> {
    return this.context.memory(...of)
  }

  ioPage(written: (offset: number, value: number) => void): ReturnType<HardwareContext['ioPage']> {
    return this.context.ioPage(written)
  }

  /** A doorbell only notes that there is work: the guest does not do the NIC's. */
  sendSoon(): void {
    if (this.sendDue || this.context.signal.aborted) return
    this.sendDue = true
    this.sendTimer.again(0)
  }

  posted(): void {
    this.arrivedInTime()
    this.context.wire.ready()
  }

  closed(pair: QueuePair): void {
    if (this.pairs[pair.id] !== pair) return
    this.pairs[pair.id] = null
    this.steering.forget(pair)
    for (let i = 0; i < OUT_FRAMES; i++) if (this.outPair[i] === pair.id) this.outPair[i] = NOBODY
    this.posted()
  }

  // --- the way out

  /** The pairs take turns. */
  private send(): void {
    for (let idle = 0; idle < PAIRS;) {
      const pair = this.pairs[this.turn]
      this.turn = (this.turn + 1) % PAIRS
      const sent = pair === null ? 0 : this.sendSome(pair)
      if (sent < 0) return
      idle = sent === 0 ? idle + 1 : 0
    }
  }

  /** Frames taken of one pair; -1: the wire or the NIC's memory is full, and {@link left} goes on. */
  private sendSome(pair: QueuePair): number {
    let done = 0
    for (; done < QUANTUM && pair.wantsToSend; done++) {
      const frame = this.outFrames.take()
      if (frame === undefined) return -1
      const address = pair.sendAddress()
      const word = pair.sendWord()
      const length = word & LENGTH_MASK
      if (length < ETH_HEADER || length > LONGEST || !pair.table.holds(address, length)) {
        frame.release()
        pair.sent(pair.takeSend(), true)
        continue
      }
      // Copied once; what the guest does to its page from here on changes nothing.
      pair.table.read(address, this.outWords, frame.offset, length)
      frame.length = length
      if ((word & SUM) !== 0) this.sum(frame)
      frame.checksum = 'none'
      if (this.context.wire.send(frame) === 'full') {
        frame.release()
        return -1
      }
      this.isOnThisSide(frame)
      const place = this.outPlace.get(frame) ?? 0
      this.outPair[place] = pair.id
      this.outIndex[place] = pair.takeSend()
    }
    return done
  }

  /** Fills in the checksum. What is padded behind the packet stays as it is: it is not summed, and leaves all the same. */
  private sum(frame: Frame): void {
    const { length } = frame
    if (parsePacket(frame, this.info) && setBlank(frame, this.info)) fillChecksum(frame)
    frame.length = length
  }

  /** A frame has left the wire's queue: a guest's, which is done, or the driver domain's, which is given back. */
  private left(frame: Frame): void {
    const place = this.outPlace.get(frame)
    const pair =
      place === undefined || this.outPair[place] === NOBODY ? null : this.pairs[this.outPair[place]]
    if (place !== undefined) {
      this.outPair[place] = NOBODY
      pair?.sent(this.outIndex[place], false)
    }
    frame.release()
    this.sendSoon()
  }

  private isOnThisSide({ view, offset }: Frame): void {
    this.addresses.forget(view.getUint16(offset + ETH_SOURCE), view.getInt32(offset + ETH_SOURCE + 2))
  }

  // --- the way in

  private arrived(frame: Frame): 'taken' | 'full' {
    const { view, offset } = frame
    const high = view.getUint16(offset + ETH_SOURCE)
    if ((high & GROUP) === 0) this.addresses.learn(high, view.getInt32(offset + ETH_SOURCE + 2))
    const steer = this.steering.find(view, offset + ETH_DESTINATION)
    return steer === undefined || !steer.pair.live ? this.toHost(frame) : this.toPair(frame, steer)
  }

  /** The slow way in: to the driver domain, its bridge, and a ring. */
  private toHost(frame: Frame): 'taken' | 'full' {
    const to = this.hostFrames.take()
    if (to === undefined) return 'full'
    copyBytes(this.hostWords, to.offset, wordsOf(frame.bytes, frame.view), frame.offset, frame.length)
    to.length = frame.length
    to.checksum = this.isGood(to) ? 'verified' : 'none'
    const { observers } = this
    for (let i = 0; i < observers.length; i++) observers[i].received?.(to)
    this.context.received(to)
    return 'taken'
  }

  /** The fast way in: into the guest's next buffer. */
  private toPair(frame: Frame, steer: Steer): 'taken' | 'full' {
    const { pair } = steer
    while (pair.canReceive) {
      const address = pair.bufferFor(frame.length)
      if (address === 0) {
        // No good, and the guest's own doing: it comes back empty.
        pair.received(0, false)
        continue
      }
      pair.table.write(address, wordsOf(frame.bytes, frame.view), frame.offset, frame.length)
      pair.received(frame.length, this.isGood(frame))
      steer.hits++
      this.arrivedInTime()
      return 'taken'
    }
    return this.waitFor(pair)
  }

  /** No buffer: the wire pauses a while (IEEE 802.3 annex 31B); then the frame is missed, or one guest held up all. */
  private waitFor(pair: QueuePair): 'taken' | 'full' {
    if (pair.stalled || this.patienceOver) {
      this.arrivedInTime()
      pair.stalled = true
      pair.miss()
      return 'taken'
    }
    this.patience ??= this.context.after(PATIENCE_MS, () => {
      this.patience = null
      this.patienceOver = true
      this.context.wire.ready()
    })
    return 'full'
  }

  private arrivedInTime(): void {
    this.patience?.cancel()
    this.patience = null
    this.patienceOver = false
  }

  private isGood(frame: Frame): boolean {
    return parsePacket(frame, this.info) && verifyChecksum(frame, this.info)
  }

  // --- set-up

  private numberOutFrames(): void {
    for (let frame = this.outFrames.take(); frame !== undefined; frame = this.outFrames.take())
      this.outPlace.set(frame, this.outPlace.size)
    for (const frame of this.outPlace.keys()) frame.release()
  }

  private createPair(request: ViRequest): QueuePair | ViStatus {
    const { rings } = request
    const memory = 'offset' in rings ? rings : rings.whole
    if (memory === undefined || memory.length < 2 * PAGE || request.tx !== SLOTS || request.rx !== SLOTS)
      return 'unsupported'
    const id = this.pairs.indexOf(null)
    if (id < 0) return 'none-left'
    const pair = new QueuePair(id, request, memory, this)
    this.pairs[id] = pair
    return pair
  }
}
