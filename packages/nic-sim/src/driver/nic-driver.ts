// Stage 6s of a frame's way out, second part: the driver of the port.
import type { AcceleratedPort, PortChange } from '@netaccel/core'
import type { Frame, FramePool } from '@netaccel/packet'
import type { Engine, Extent, PollHandle, Poller, Timer } from '@netaccel/xen'
import type { HostBus } from '../device/bus.js'
import type { NicDevice } from '../device/nic-device.js'
import { NicError } from '../errors.js'
import { HandOver } from './hand-over.js'
import { PortObservers } from './port-observers.js'
import type { DriverObserver } from './port-observers.js'
import { PortQueue } from './port-queue.js'
import { NicFilters, NicVis } from './providers.js'

/** Frames at once when the driver catches up. */
const CATCH_UP = 64

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
  /** There is room again after `transmit` said 'full'. */
  onRoom: (() => void) | null
  private readonly engine: Engine
  private readonly pool: FramePool
  private readonly resetNs: number
  private readonly pollHandle: PollHandle
  private readonly handOver: HandOver
  private readonly changed: ((change: PortChange) => void)[]
  private readonly observers: PortObservers
  private readonly queue: PortQueue
  private wasFull: boolean
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
    this.onRoom = null
    this.pollHandle = engine.addPoller(this)
    this.vis = new NicVis(device, bus, engine, () => this.interrupt())
    this.filters = new NicFilters(device, this.vis)
    this.handOver = new HandOver()
    this.changed = []
    this.observers = new PortObservers()
    this.wasFull = false
    this.state = 'running'
    this.resetTimer = null
    device.onLink = (up) => this.tell({ kind: 'link', up })
    pool.onFree = () => {
      if (this.queue.rx.low) this.pollHandle.schedule()
    }
    const interrupt = (): void => this.interrupt()
    const { observers } = this
    this.queue = new PortQueue({ engine, device, extent, pool, txDepth, observers, interrupt })
  }

  /** Takes each received frame, and owns it. The bridge port; until it is set, frames wait. */
  get onReceive(): ((frame: Frame) => void) | null {
    return this.queue.onReceive
  }

  set onReceive(take: ((frame: Frame) => void) | null) {
    this.queue.onReceive = take
  }

  /** Takes each frame that a guest's VI of this NIC has sent to this host, and owns it; null: `onReceive` does. */
  get onSwitched(): ((frame: Frame) => void) | null {
    return this.queue.onSwitched
  }

  set onSwitched(take: ((frame: Frame) => void) | null) {
    this.queue.onSwitched = take
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
    return this.queue.tx.count
  }

  /** Buffers that the NIC may receive into. */
  get posted(): number {
    return this.queue.rx.posted
  }

  /**
   * 'taken': the port's, which releases it when it has left, in order (FL-07), or dropped and counted it. 'full': the
   * caller's; `onRoom` tells when to come again.
   */
  transmit(frame: Frame): 'taken' | 'full' {
    const { tx } = this.queue
    if (this.state === 'closed') {
      this.device.drops.count('nic_tx_closed', frame.segments, frame.length)
      frame.release()
      return 'taken'
    }
    if (!tx.fits(frame)) {
      this.wasFull = true
      return 'full'
    }
    const { transmitters } = this.observers
    for (let i = 0; i < transmitters.length; i++) transmitters[i](frame)
    this.engine.charge('descriptor', tx.post(frame))
    // The poll rings once for all of this step.
    this.pollHandle.schedule()
    return 'taken'
  }

  /** The returned function takes the observer away. */
  observe(observer: DriverObserver): () => void {
    return this.observers.add(observer)
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

  /**
   * Hands on what the NIC has written until now, whatever the budget of a poll: a guest's frame that the switch gave us
   * must not be overtaken by the next one of its flow, if that comes by the ring.
   */
  catchUp(): void {
    if (this.state === 'closed' || this.queue.onReceive === null) return
    // At most what was posted: nothing is refilled here.
    while (this.queue.readEvents(CATCH_UP)) continue
  }

  poll(budget: number): boolean {
    const { queue } = this
    queue.ringTx()
    queue.handHeld()
    const more = queue.readEvents(budget)
    queue.refill()
    if (this.wasFull && queue.tx.roomy) {
      this.wasFull = false
      this.onRoom?.()
    }
    if (!more) queue.arm()
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
    this.pollHandle.remove()
    this.pool.onFree = null
    this.queue.close()
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

  private updateHandOver(): void {
    const { device } = this
    this.handOver.update(device.processed, this.queue.vi.rxTold, this.queue.handed)
    if (!this.handOver.waiting) device.whenProcessed(null)
  }

  private tell(change: PortChange): void {
    for (const changed of this.changed) changed(change)
  }
}
