// Stage 6s of a frame's way out and in, second part: the driver of the port.
import type { AcceleratedPort, PortChange } from '@netaccel/core'
import type { Frame, FramePool } from '@netaccel/packet'
import { FrameQueue } from '@netaccel/packet'
import type { Arena, Engine, Extent, PollHandle, Poller, Timer } from '@netaccel/xen'
import { PAGE_SIZE } from '@netaccel/xen'
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
  ringPages,
  RX_CHECKSUM_OK,
  RX_CONTINUED,
  RX_START,
  RX_SWITCHED,
} from '../constants.js'
import type { HostBus } from '../device/bus.js'
import type { NicDevice } from '../device/nic-device.js'
import type { VirtualInterface } from '../device/virtual-interface.js'
import { NicError } from '../errors.js'
import { EventReader } from './event-reader.js'
import { HandOver } from './hand-over.js'
import { NicFilters, NicVis } from './providers.js'
import { RxQueue } from './rx-queue.js'
import { TxQueue, txDropReason } from './tx-queue.js'

/** The contract's `PortObserver`, shown the whole of the driver's frames. */
export interface DriverObserver {
  received?(frame: Frame): void
  transmitted?(frame: Frame): void
}

export interface NicDriverOptions {
  /** The driver domain's engine. */
  readonly engine: Engine
  readonly device: NicDevice
  readonly bus: HostBus
  /** The driver domain's memory: the rings are taken from it, and every frame lies in it. */
  readonly extent: Extent
  /** Frames to receive into, of the driver domain's memory; the driver's alone, all of it is posted to the NIC. */
  readonly pool: FramePool
  /** Frames that stand with the NIC before `transmit` says 'full'; default 512. */
  readonly txDepth?: number
  /** How long a reset takes; default 1 ms. */
  readonly resetNs?: number
}

/**
 * The driver domain's NIC driver: core's `AcceleratedPort` over a {@link NicDevice}.
 *
 * Its own traffic goes by a VI like any other, in physical mode: descriptors and events in the driver domain's memory,
 * doorbells, interrupts. It is a poll on the driver domain's engine, as NAPI is: one doorbell for all that was sent
 * since, events, wake-ups of VIs; at most a budget of frames each way in a step, and the interrupt is armed when no event is left.
 */
export class NicDriver implements AcceleratedPort, Poller {
  readonly name: string
  readonly kind: string
  readonly mac: string
  readonly vis: NicVis
  readonly filters: NicFilters
  readonly device: NicDevice
  /** Takes each received frame, and owns it. The bridge port; until it is set, frames wait. */
  onReceive: ((frame: Frame) => void) | null
  /** Takes each frame that a guest's VI of this NIC has sent to this host, and owns it; null: `onReceive` does. */
  onSwitched: ((frame: Frame) => void) | null
  /** There is room again after `transmit` said 'full'. */
  onRoom: (() => void) | null
  private readonly engine: Engine
  private readonly pool: FramePool
  private readonly resetNs: number
  private readonly pollHandle: PollHandle
  private readonly handOver: HandOver
  private readonly changed: ((change: PortChange) => void)[]
  private receivers: readonly ((frame: Frame) => void)[]
  private transmitters: readonly ((frame: Frame) => void)[]
  private readonly rings: Arena
  private readonly vi: VirtualInterface
  private readonly events: EventReader
  private readonly tx: TxQueue
  private readonly rx: RxQueue
  /** Received while no bridge port was there to take them. */
  private readonly held: FrameQueue
  private readonly extent: Extent
  private handed: number
  private armed: boolean
  private rungTx: number
  private credited: number
  private wasFull: boolean
  /** Frames released by the poll under way. */
  private released: number
  private state: 'running' | 'quiet' | 'closed'
  private resetTimer: Timer | null

  constructor(options: NicDriverOptions) {
    const { engine, device, bus, extent, pool, txDepth = 512, resetNs = 1_000_000 } = options
    this.name = device.name
    this.kind = 'nic-sim'
    this.mac = device.mac
    this.device = device
    this.engine = engine
    this.pool = pool
    this.resetNs = resetNs
    this.onReceive = null
    this.onSwitched = null
    this.onRoom = null
    this.pollHandle = engine.addPoller(this)
    this.vis = new NicVis(device, bus, engine, () => this.interrupt())
    this.filters = new NicFilters(device, this.vis)
    this.handOver = new HandOver()
    this.changed = []
    this.receivers = []
    this.transmitters = []
    this.extent = extent
    const capacities = { tx: TxQueue.capacityFor(txDepth), rx: RxQueue.capacityFor(pool) }
    const events = 2 * Math.max(capacities.tx, capacities.rx)
    const rings = openRings(extent, [events, capacities.tx, capacities.rx])
    this.rings = rings.whole
    this.vi = device.vis.openHost(extent.domid, { pages: rings.pages, events, ...capacities })
    this.events = new EventReader(rings.parts[0], events)
    this.tx = new TxQueue(rings.parts[1], capacities.tx, txDepth)
    this.rx = new RxQueue(rings.parts[2], capacities.rx, pool)
    this.held = new FrameQueue()
    this.handed = 0
    this.armed = false
    this.rungTx = 0
    this.credited = 0
    this.wasFull = false
    this.released = 0
    this.state = 'running'
    this.resetTimer = null
    this.vi.onWake = () => {
      this.armed = false
      this.interrupt()
    }
    device.onLink = (up) => this.tell({ kind: 'link', up })
    pool.onFree = () => {
      if (this.rx.low) this.pollHandle.schedule()
    }
    this.refill()
    this.arm()
  }

  get mtu(): number {
    return this.device.mtu
  }

  get link(): boolean {
    return this.device.link
  }

  /** Throws `BAD_OPTION` above the device's `maxMtu`. */
  setMtu(mtu: number): void {
    this.device.setMtu(mtu)
    this.tell({ kind: 'mtu', mtu })
  }

  /** Frames taken and not yet released. */
  get standing(): number {
    return this.tx.count
  }

  /** Buffers that the NIC may receive into. */
  get posted(): number {
    return this.rx.posted
  }

  /**
   * 'taken': the port's, which releases it when it has left, in order (FL-07), or dropped and counted it. 'full': the
   * caller's; `onRoom` tells when to come again.
   */
  transmit(frame: Frame): 'taken' | 'full' {
    const { tx } = this
    if (this.state === 'closed') {
      this.device.drops.count('nic_tx_closed', frame.segments, frame.length)
      frame.release()
      return 'taken'
    }
    if (!tx.roomy) {
      this.wasFull = true
      return 'full'
    }
    for (let i = 0; i < this.transmitters.length; i++) this.transmitters[i](frame)
    this.engine.charge('descriptor', tx.post(frame))
    // The poll rings once for all of this step.
    this.pollHandle.schedule()
    return 'taken'
  }

  /** The returned function takes the observer away. */
  observe(observer: DriverObserver): () => void {
    const received = (frame: Frame): void => observer.received?.(frame)
    const transmitted = (frame: Frame): void => observer.transmitted?.(frame)
    if (observer.received !== undefined) this.receivers = [...this.receivers, received]
    if (observer.transmitted !== undefined) this.transmitters = [...this.transmitters, transmitted]
    return () => {
      this.receivers = this.receivers.filter((other) => other !== received)
      this.transmitters = this.transmitters.filter((other) => other !== transmitted)
    }
  }

  /**
   * A station of the bridge that this port is plugged into: guests' VIs reach it through the driver domain and not by the
   * wire (Linux dev_uc_add). The driver domain's own address need not be said.
   */
  addAddress(mac: string): void {
    if (!this.device.addAddress(mac))
      throw new NicError('TOO_MANY', `${this.name} holds no more addresses: ${mac} cannot be added`)
  }

  /** Undoes one {@link addAddress}. */
  removeAddress(mac: string): void {
    this.device.removeAddress(mac)
  }

  onChange(changed: (change: PortChange) => void): void {
    this.changed.push(changed)
  }

  /** Settles at once when the port is quiet or closed: nothing more will be handed over. */
  handedOver(): Promise<void> {
    const { device, engine } = this
    if (this.state !== 'running') return Promise.resolve()
    engine.asyncBegin()
    const settled = new Promise<void>((resolve) => this.handOver.add(device.arrived, resolve))
    this.updateHandOver()
    if (this.handOver.waiting) device.whenProcessed(() => this.pollHandle.schedule())
    return settled.finally(() => engine.asyncEnd())
  }

  poll(budget: number): boolean {
    this.ringTx()
    if (this.held.count > 0) this.handHeld()
    const more = this.readEvents(budget)
    this.refill()
    if (this.wasFull && this.tx.roomy) {
      this.wasFull = false
      this.onRoom?.()
    }
    if (!more) this.arm()
    this.vis.deliverWakes()
    if (this.handOver.waiting) this.updateHandOver()
    return more
  }

  /**
   * Resets the NIC: every VI and filter is gone at once, frames of the driver domain wait. Observers hear 'reset', and
   * 'reset-done' when it works again.
   */
  reset(): void {
    if (this.state !== 'running' || this.resetTimer !== null) return
    this.device.halt()
    this.vis.kill()
    this.tell({ kind: 'reset' })
    this.resetTimer = this.engine.after(this.resetNs, () => {
      this.resetTimer = null
      if (this.state !== 'running') return
      this.device.restart()
      this.vis.reopen()
      this.tell({ kind: 'reset-done' })
    })
  }

  /** The NIC stops: afterwards it neither reads nor writes memory of any domain. Only {@link close} may follow. */
  quiesce(): void {
    if (this.state !== 'running') return
    this.state = 'quiet'
    this.device.halt()
    this.vis.kill()
    this.resetTimer?.cancel()
    this.handOver.settleAll()
  }

  /** Ends the port: observers hear 'gone', what stood in its queues is dropped and counted, the pool is whole again. */
  close(): void {
    if (this.state === 'closed') return
    this.quiesce()
    this.state = 'closed'
    this.tell({ kind: 'gone' })
    this.device.close()
    this.vi.onWake = () => undefined
    this.pollHandle.remove()
    this.pool.onFree = null
    this.readLastEvents()
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

  /** The driver wants its poll, and a bridge port has been set: frames may have waited for it. */
  kick(): void {
    this.pollHandle.schedule()
  }

  /** The NIC's interrupt. An idle driver domain is woken by it. */
  private interrupt(): void {
    if (this.pollHandle.scheduled) return
    this.pollHandle.schedule()
    this.engine.raise()
  }

  private ringTx(): void {
    const { producer } = this.tx
    if (this.rungTx === producer) return
    this.rungTx = producer
    this.ring(DOORBELL_TX, producer)
  }

  /** True: more events may stand there than the budget allowed to look at. */
  private readEvents(budget: number): boolean {
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
      this.held.push(frame)
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
    const { receivers } = this
    for (let i = 0; i < receivers.length; i++) receivers[i](frame)
    onReceive(frame)
    this.handed++
  }

  private handHeld(): void {
    const { held, onReceive } = this
    if (onReceive === null) return
    for (let frame = held.shift(); frame !== undefined; frame = held.shift()) this.handOn(frame, onReceive)
  }

  /** The NIC writes no more: what it has said still counts. */
  private readLastEvents(): void {
    const { events } = this
    this.onReceive = (frame) => this.dropClosed(frame)
    this.onSwitched = null
    this.receivers = []
    this.handHeld()
    while (events.next()) this.handle(events.word0, events.word1)
    this.onReceive = null
  }

  private dropClosed(frame: Frame): void {
    this.device.drops.count('nic_rx_closed', 1, frame.length)
    frame.release()
  }

  /** Posts frames that are free. */
  private refill(): void {
    const posted = this.rx.post()
    if (posted === 0) return
    this.engine.charge('descriptor', posted)
    this.ring(DOORBELL_RX, this.rx.producer)
  }

  /** Every event has been read: the next one interrupts. Until it is armed, places are given back when there are many. */
  private arm(): void {
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

  private updateHandOver(): void {
    const { device } = this
    this.handOver.update(device.processed, this.vi.rxTold, this.handed)
    if (!this.handOver.waiting) device.whenProcessed(null)
  }

  private tell(change: PortChange): void {
    for (const changed of this.changed) changed(change)
  }
}

/** Memory for the three rings, zeroed: whole, as pages, and as the part of each. */
function openRings(
  extent: Extent,
  capacities: readonly number[],
): { whole: Arena; pages: Arena[]; parts: Arena[] } {
  const counts = capacities.map(ringPages)
  const whole = extent.allocPages(counts.reduce((sum, count) => sum + count, 0))
  const part = (first: number, count: number): Arena => ({
    ...whole,
    offset: whole.offset + first * PAGE_SIZE,
    length: count * PAGE_SIZE,
    pages: whole.pages.slice(first, first + count),
  })
  const parts: Arena[] = []
  let at = 0
  for (const count of counts) {
    parts.push(part(at, count))
    at += count
  }
  return { whole, pages: whole.pages.map((_, i) => part(i, 1)), parts }
}
