import type { DomainId, Page } from '@netaccel/core'
import {
  CONTROL_DOORBELL,
  CONTROL_REGISTER_SHIFT,
  DOORBELL_EVENT_ARM,
  DOORBELL_EVENT_READ,
  DOORBELL_RX,
  DOORBELL_TX,
  EVENT_BYTES_MASK,
  EVENT_BYTES_SHIFT,
  EVENT_CONTROL,
  EVENT_COUNT_SHIFT,
  EVENT_KIND_SHIFT,
  EVENT_RX_DISCARD,
  EVENT_SLOT_MASK,
  EVENT_TX,
  EVENT_TX_DISCARD,
  REASON_NO_DESCRIPTOR,
  TX_BATCH,
} from '../constants.js'
import type { AddressSpace } from './address-space.js'
import type { MacWords } from './mac-words.js'
import type { Meter } from './meter.js'
import type { RingMemory } from './ring-memory.js'

/** Event slots that receiving leaves free, so that a frame already taken from the TX ring can be answered. */
export const TX_EVENT_RESERVE = 2
/** Descriptors that a guest's VI which held up the wire must post before the wire waits for it again. */
const STALL_OVER = 64
/** Number of the driver domain's own queue; those of the VIs that guests get begin at 0. */
export const HOST_VI = -1

/**
 * 'live': works. 'quiescing': fetches and writes nothing new; a frame it has fetched may still be leaving.
 * 'quiet': neither reads nor writes, for good (MEM-07).
 */
export type ViState = 'live' | 'quiescing' | 'quiet'

/** What a VI is made of. */
export interface ViRings {
  readonly events: RingMemory
  readonly tx: RingMemory
  readonly rx: RingMemory
  /** Where the addresses in its descriptors lead. */
  readonly space: AddressSpace
  readonly address: MacWords | null
}

/**
 * One VI as the hardware has it: three rings in memory that the guest can write, four doorbell registers, and the
 * indices that only the NIC knows. What the guest writes is taken once a step and checked (D8). The driver domain's own
 * queue is one too: it has the number {@link HOST_VI} and physical addresses.
 */
export class VirtualInterface {
  readonly id: number
  readonly owner: DomainId
  readonly doorbell: Page
  readonly events: RingMemory
  readonly tx: RingMemory
  readonly rx: RingMemory
  readonly space: AddressSpace
  /** Of the vif that it is for; null: nobody has said. */
  readonly address: MacWords | null
  state: ViState = 'live'
  txConsumer = 0
  txProducer = 0
  rxConsumer = 0
  rxProducer = 0
  /** The tail of a chain that was found bad is still being thrown away, for this reason; 0: no. */
  txSkip = 0
  /** The wire waited in vain for this VI: it is not waited for until it has posted again. */
  stalled = false
  // What it did, for statistics.
  txFrames = 0
  txSegments = 0
  txBytes = 0
  txDiscards = 0
  rxFrames = 0
  rxBytes = 0
  rxDiscards = 0
  badDoorbells = 0
  wakeups = 0
  eventCount = 0
  /** Called when the guest asked to be woken and an event is there. */
  onWake: () => void
  private eventWritten = 0
  private eventRead = 0
  private armed = false
  private armWanted = false
  private doneTx = 0
  private missedFrames = 0
  private missedBytes = 0
  private missedTold = false
  /** Received frames that events have told of, and how many those were before each event that stands in the queue. */
  rxTold = 0
  private readonly toldBefore: Float64Array
  private readonly meter: Meter
  private readonly registers: Uint32Array
  private readonly rung: Uint8Array

  constructor(id: number, owner: DomainId, rings: ViRings, doorbell: Page, meter: Meter) {
    this.meter = meter
    this.id = id
    this.owner = owner
    this.doorbell = doorbell
    this.events = rings.events
    this.tx = rings.tx
    this.rx = rings.rx
    this.space = rings.space
    this.address = rings.address
    this.toldBefore = new Float64Array(rings.events.capacity)
    this.registers = new Uint32Array(4)
    this.rung = new Uint8Array(4)
    this.onWake = ignore
  }

  /** The guest's write to the doorbell page: noted here, looked at in the NIC's own step. False: no such register. */
  ring(offset: number, value: number): boolean {
    if (
      offset !== DOORBELL_TX &&
      offset !== DOORBELL_RX &&
      offset !== DOORBELL_EVENT_READ &&
      offset !== DOORBELL_EVENT_ARM
    )
      return false
    const register = offset === DOORBELL_EVENT_ARM ? DOORBELL_EVENT_READ >> 2 : offset >> 2
    this.registers[register] = value
    this.rung[register] = 1
    if (offset === DOORBELL_EVENT_ARM) this.armWanted = true
    return true
  }

  /** Takes what was rung since the last time, checks it and, if asked, arms. */
  takeDoorbells(): void {
    if (this.state !== 'live') return
    const { registers, rung } = this
    if (rung[0] !== 0) {
      rung[0] = 0
      const value = registers[0]
      if ((value - this.txConsumer) >>> 0 <= this.tx.capacity) this.txProducer = value
      else this.refuseDoorbell(DOORBELL_TX, value)
    }
    if (rung[1] !== 0) {
      rung[1] = 0
      this.takeRx(registers[1])
    }
    if (rung[2] !== 0) {
      rung[2] = 0
      this.takeEventRead(registers[2])
    }
  }

  /** Free event slots. */
  get eventRoom(): number {
    return this.events.capacity - ((this.eventWritten - this.eventRead) >>> 0)
  }

  /** Writes an event; the caller has seen that there is room. */
  post(word0: number, kind: number, rest: number): void {
    this.toldBefore[this.eventWritten & (this.toldBefore.length - 1)] = this.rxTold
    this.events.write(this.eventWritten, word0, (kind << EVENT_KIND_SHIFT) | rest)
    this.eventWritten = (this.eventWritten + 1) >>> 0
    this.eventCount++
    this.meter.descriptors++
    if (this.armed) this.wake()
  }

  /** `descriptors` of a frame that has left are done; told with others of this turn in one event. */
  completeTx(descriptors: number): void {
    if (this.doneTx + descriptors > TX_BATCH) this.flushTx()
    this.doneTx += descriptors
    this.txConsumer = (this.txConsumer + descriptors) >>> 0
  }

  /** One TX event for all that {@link completeTx} was told since the last. */
  flushTx(): void {
    if (this.doneTx === 0) return
    this.post(this.countWord((this.txConsumer - 1) & (this.tx.capacity - 1), this.doneTx), EVENT_TX, 0)
    this.doneTx = 0
  }

  /** A frame of `descriptors` (64 at most) that will never leave. Events of earlier frames go first. */
  discardTx(descriptors: number, reason: number): void {
    this.flushTx()
    this.txConsumer = (this.txConsumer + descriptors) >>> 0
    this.txDiscards++
    this.post(
      this.countWord((this.txConsumer - 1) & (this.tx.capacity - 1), descriptors),
      EVENT_TX_DISCARD,
      reason,
    )
  }

  /** A received frame of `bytes` that took `descriptors` with it. */
  discardRx(descriptors: number, reason: number, bytes: number): void {
    const word = this.countWord(this.rxConsumer & (this.rx.capacity - 1), descriptors)
    this.rxConsumer = (this.rxConsumer + descriptors) >>> 0
    this.rxDiscards++
    this.post(word, EVENT_RX_DISCARD, reason | (Math.min(bytes, EVENT_BYTES_MASK) << EVENT_BYTES_SHIFT))
    this.rxTold++
  }

  /** A received frame for which there was no place at all. */
  missRx(bytes: number): void {
    this.rxDiscards++
    this.missedFrames++
    this.missedBytes += bytes
    if (!this.missedTold && this.eventRoom > TX_EVENT_RESERVE) {
      this.flushMissed()
      this.missedTold = true
    }
  }

  /** Tells of missed frames that have not been told. */
  flushMissed(): void {
    this.missedTold = false
    if (this.missedFrames === 0 || this.eventRoom <= TX_EVENT_RESERVE) return
    const frames = Math.min(this.missedFrames, EVENT_SLOT_MASK)
    const bytes = Math.min(this.missedBytes, EVENT_BYTES_MASK)
    this.missedFrames -= frames
    this.missedBytes -= bytes
    const word = this.countWord(this.rxConsumer & (this.rx.capacity - 1), frames)
    this.post(word, EVENT_RX_DISCARD, REASON_NO_DESCRIPTOR | (bytes << EVENT_BYTES_SHIFT))
    this.rxTold += frames
  }

  /** The last event of a received frame has been written. */
  toldRx(): void {
    this.rxFrames++
    this.rxTold++
  }

  /** Received frames of whose events the guest has not said that it has read them: the most that it can have left. */
  get unread(): number {
    if (this.eventRead === this.eventWritten) return 0
    return this.rxTold - this.toldBefore[this.eventRead & (this.toldBefore.length - 1)]
  }

  /** Frames that were lost for want of a descriptor and of which no event tells. */
  get untold(): number {
    return this.missedFrames
  }

  get untoldBytes(): number {
    return this.missedBytes
  }

  private countWord(slot: number, count: number): number {
    return (count << EVENT_COUNT_SHIFT) | slot
  }

  private takeRx(value: number): void {
    const posted = (value - this.rxConsumer) >>> 0
    if (posted > this.rx.capacity) {
      this.refuseDoorbell(DOORBELL_RX, value)
      return
    }
    this.rxProducer = value
    if (posted >= STALL_OVER || this.id === HOST_VI) this.stalled = false
    this.flushMissed()
  }

  private takeEventRead(value: number): void {
    const arm = this.armWanted
    this.armWanted = false
    if ((value - this.eventRead) >>> 0 > (this.eventWritten - this.eventRead) >>> 0) {
      this.refuseDoorbell(arm ? DOORBELL_EVENT_ARM : DOORBELL_EVENT_READ, value)
      return
    }
    this.eventRead = value
    if (this.missedFrames > 0) this.flushMissed()
    if (!arm) return
    this.armed = true
    if (this.eventWritten !== this.eventRead) this.wake()
  }

  private wake(): void {
    this.armed = false
    this.wakeups++
    this.onWake()
  }

  /** Told while half of the event queue is free, so that a storm of them cannot fill it; always counted. */
  private refuseDoorbell(register: number, value: number): void {
    this.badDoorbells++
    if (this.eventRoom <= this.events.capacity >> 1) return
    this.post(value, EVENT_CONTROL, CONTROL_DOORBELL | (register << CONTROL_REGISTER_SHIFT))
  }
}

function ignore(): void {}
