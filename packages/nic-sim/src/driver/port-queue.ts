// Stage 6s of a frame's way out and in: the driver's own queue of the NIC, its doorbells and events.
import type { Frame, FramePool } from '@netaccel/packet'
import { FrameQueue } from '@netaccel/packet'
import type { Arena, Engine, Extent } from '@netaccel/xen'
import {
  DOORBELL_EVENT_ARM,
  DOORBELL_EVENT_READ,
  DOORBELL_RX,
  DOORBELL_TX,
  EVENT_COUNT_SHIFT,
  EVENT_REASON_MASK,
  EVENT_RX,
  EVENT_TX,
  EVENT_TX_DISCARD,
  RX_CHECKSUM_OK,
  RX_CONTINUED,
  RX_START,
  RX_SWITCHED,
} from '../constants.js'
import type { NicDevice } from '../device/nic-device.js'
import type { VirtualInterface } from '../device/virtual-interface.js'
import { openRings } from './driver-rings.js'
import { EventReader } from './event-reader.js'
import type { PortObservers } from './port-observers.js'
import { RxQueue } from './rx-queue.js'
import { TxQueue, txDropReason } from './tx-queue.js'

export interface PortQueueParts {
  readonly engine: Engine
  readonly device: NicDevice
  readonly extent: Extent
  readonly pool: FramePool
  /** Most frames that stand with the NIC. */
  readonly txDepth: number
  readonly observers: PortObservers
  /** The NIC's interrupt; it is not armed any more. */
  readonly interrupt: () => void
}

/**
 * The driver domain's own VI, in physical mode: descriptors and events in the driver domain's memory, doorbells, an
 * interrupt. What a poll of the driver does with it, in steps.
 */
export class PortQueue {
  readonly tx: TxQueue
  readonly rx: RxQueue
  readonly vi: VirtualInterface
  /** Takes each received frame, and owns it; until it is set, frames wait. */
  onReceive: ((frame: Frame) => void) | null
  /** Takes each frame that a guest's VI of this NIC has sent to this host, and owns it; null: `onReceive` does. */
  onSwitched: ((frame: Frame) => void) | null
  /** Frames that the NIC gave, and that have been handed on or dropped. */
  handed: number
  private readonly engine: Engine
  private readonly device: NicDevice
  private readonly extent: Extent
  private readonly observers: PortObservers
  private readonly rings: Arena
  private readonly events: EventReader
  /** Received while nobody was there to take them. */
  private readonly held: FrameQueue
  /** The same of frames that the NIC's switch gave us: the bridge must not learn their senders behind the NIC. */
  private readonly heldSwitched: FrameQueue
  private armed: boolean
  private rungTx: number
  private credited: number
  /** Frames released by the poll under way. */
  private released: number

  constructor({ engine, device, extent, pool, txDepth, observers, interrupt }: PortQueueParts) {
    this.engine = engine
    this.device = device
    this.extent = extent
    this.observers = observers
    this.onReceive = null
    this.onSwitched = null
    const capacities = { tx: TxQueue.capacityFor(txDepth), rx: RxQueue.capacityFor(pool) }
    const events = 2 * Math.max(capacities.tx, capacities.rx)
    const rings = openRings(extent, [events, capacities.tx, capacities.rx])
    this.rings = rings.whole
    this.vi = device.vis.openHost(extent.domid, { pages: rings.pages, events, ...capacities })
    this.events = new EventReader(rings.parts[0], events)
    this.tx = new TxQueue(rings.parts[1], capacities.tx, txDepth)
    this.rx = new RxQueue(rings.parts[2], capacities.rx, pool)
    this.held = new FrameQueue()
    this.heldSwitched = new FrameQueue()
    this.handed = 0
    this.armed = false
    this.rungTx = 0
    this.credited = 0
    this.released = 0
    this.vi.onWake = () => {
      this.armed = false
      interrupt()
    }
    this.refill()
    this.arm()
  }

  /**
   * The NIC writes no more: what it has said still counts, what it has not is dropped and counted, and the pool and the
   * memory of the rings are whole again.
   */
  close(): void {
    this.vi.onWake = ignore
    this.readLast()
    const { drops } = this.device
    while (this.tx.count > 0) {
      const frame = this.tx.next()
      if (frame === null) continue
      drops.count('nic_tx_closed', frame.segments, frame.length)
      frame.release()
    }
    for (let frame = this.rx.take(); frame !== undefined; frame = this.rx.take()) frame.release()
    this.extent.freePages(this.rings)
  }

  /** One doorbell for all that was posted since the last. */
  ringTx(): void {
    const { producer } = this.tx
    if (this.rungTx === producer) return
    this.rungTx = producer
    this.ring(DOORBELL_TX, producer)
  }

  /** True: more events may stand there than the budget allowed to look at. */
  readEvents(budget: number): boolean {
    const { events } = this
    let received = 0
    let handled = 0
    this.released = 0
    while (received < budget && this.released < budget && events.next()) {
      handled++
      if (this.handle(events.word0, events.word1)) received++
    }
    if (handled === 0) return false
    this.engine.charge('descriptor', handled)
    if ((events.read - this.credited) >>> 0 >= events.capacity >>> 2) this.credit()
    if (received > 0) this.engine.charge('frame', received)
    return events.waiting
  }

  /** True: a frame was handed on. */
  private handle(word0: number, word1: number): boolean {
    switch (this.events.kind) {
      case EVENT_RX:
        return this.received(word0, word1)
      case EVENT_TX:
        this.sent(word0)
        return false
      case EVENT_TX_DISCARD:
        this.refused(word0, word1 & EVENT_REASON_MASK)
        return false
      default:
        // RX_DISCARD and CONTROL are for what only a guest's half writes: the port refuses bad frames before.
        return false
    }
  }

  /** Frames have left. */
  private sent(word0: number): void {
    const { tx } = this
    for (let left = tx.returned(word0); left > 0; left--) {
      const frame = tx.next()
      if (frame === null) continue
      this.released++
      frame.release()
    }
  }

  /** A frame will never leave. */
  private refused(word0: number, reason: number): void {
    const { tx } = this
    for (let left = tx.returned(word0); left > 0; left--) {
      const frame = tx.next()
      if (frame === null) continue
      this.released++
      this.device.drops.count(txDropReason(reason), frame.segments, frame.length)
      frame.release()
    }
  }

  private received(word0: number, word1: number): boolean {
    const frame = this.rx.take()
    if (frame === undefined) return false
    const bytes = word0 >>> EVENT_COUNT_SHIFT
    if ((word1 & (RX_START | RX_CONTINUED)) !== RX_START) {
      this.spill(frame, word1, bytes)
      return false
    }
    frame.length = bytes
    frame.checksum = (word1 & RX_CHECKSUM_OK) !== 0 ? 'verified' : 'none'
    if (this.onReceive === null) {
      ;((word1 & RX_SWITCHED) !== 0 ? this.heldSwitched : this.held).push(frame)
      return true
    }
    const switched = (word1 & RX_SWITCHED) !== 0 ? this.onSwitched : null
    this.handOn(frame, switched ?? this.onReceive)
    return true
  }

  /** One buffer of a frame that needs more than one: the MTU was raised above what the buffers were made for. */
  private spill(frame: Frame, word1: number, bytes: number): void {
    frame.release()
    if ((word1 & RX_CONTINUED) !== 0) return
    this.device.drops.count('nic_rx_too_long', 1, bytes)
    this.handed++
  }

  private handOn(frame: Frame, onReceive: (frame: Frame) => void): void {
    const { receivers } = this.observers
    for (let i = 0; i < receivers.length; i++) receivers[i](frame)
    onReceive(frame)
    this.handed++
  }

  /** Frames that came while nobody took them. */
  handHeld(): void {
    const { held, heldSwitched, onReceive, onSwitched } = this
    if (onReceive === null) return
    for (let frame = held.shift(); frame !== undefined; frame = held.shift()) this.handOn(frame, onReceive)
    for (let frame = heldSwitched.shift(); frame !== undefined; frame = heldSwitched.shift())
      this.handOn(frame, onSwitched ?? onReceive)
  }

  /** The NIC writes no more: what it has said still counts. */
  private readLast(): void {
    const { events } = this
    this.onReceive = (frame) => this.dropClosed(frame)
    this.onSwitched = null
    this.observers.endReceived()
    this.handHeld()
    while (events.next()) this.handle(events.word0, events.word1)
    this.onReceive = null
  }

  private dropClosed(frame: Frame): void {
    this.device.drops.count('nic_rx_closed', 1, frame.length)
    frame.release()
  }

  /** Posts frames that are free. */
  refill(): void {
    const posted = this.rx.post()
    if (posted === 0) return
    this.engine.charge('descriptor', posted)
    this.ring(DOORBELL_RX, this.rx.producer)
  }

  /** Every event has been read: the next one interrupts. Until it is armed, places are given back when there are many. */
  arm(): void {
    if (this.armed && this.credited === this.events.read) return
    this.armed = true
    this.credited = this.events.read
    this.ring(DOORBELL_EVENT_ARM, this.credited)
  }

  private credit(): void {
    this.credited = this.events.read
    this.ring(DOORBELL_EVENT_READ, this.credited)
  }

  private ring(register: number, value: number): void {
    this.engine.charge('doorbell', 1)
    this.device.vis.ring(this.vi, register, value)
  }
}

function ignore(): void {}
