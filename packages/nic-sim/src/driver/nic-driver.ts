// Stage 6s of a frame's way out and in, second part: the driver of the port.
import type { AcceleratedPort, PortChange } from '@netaccel/core'
import type { Frame, FramePool } from '@netaccel/packet'
import type { Engine, PollHandle, Poller, Timer } from '@netaccel/xen'
import type { HostBus } from '../device/bus.js'
import type { NicDevice } from '../device/nic-device.js'
import { HandOver } from './hand-over.js'
import { NicFilters, NicVis } from './providers.js'

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
  /** Frames to receive into, of the driver domain's memory; the driver's alone, all of it is posted to the NIC. */
  readonly pool: FramePool
  /** Frames that stand in the NIC's queue before `transmit` says 'full'; default 512. */
  readonly txDepth?: number
  /** How long a reset takes; default 1 ms. */
  readonly resetNs?: number
}

/**
 * The driver domain's NIC driver: core's `AcceleratedPort` over a {@link NicDevice}.
 *
 * It is a poll on the driver domain's engine, as NAPI is: released frames,
 * received frames, wake-ups of VIs, at most a budget of each in a step.
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
  /** There is room again after `transmit` said 'full'. */
  onRoom: (() => void) | null
  private readonly engine: Engine
  private readonly pool: FramePool
  private readonly txDepth: number
  private readonly resetNs: number
  private readonly pollHandle: PollHandle
  private readonly handOver: HandOver
  private readonly changed: ((change: PortChange) => void)[]
  private receivers: readonly ((frame: Frame) => void)[]
  private transmitters: readonly ((frame: Frame) => void)[]
  private handed: number
  private wasFull: boolean
  private state: 'running' | 'quiet' | 'closed'
  private resetTimer: Timer | null

  constructor(options: NicDriverOptions) {
    const { engine, device, bus, pool, txDepth = 512, resetNs = 1_000_000 } = options
    this.name = device.name
    this.kind = 'nic-sim'
    this.mac = device.mac
    this.device = device
    this.engine = engine
    this.pool = pool
    this.txDepth = txDepth
    this.resetNs = resetNs
    this.onReceive = null
    this.onRoom = null
    this.pollHandle = engine.addPoller(this)
    this.vis = new NicVis(device, bus, engine, () => this.interrupt())
    this.filters = new NicFilters(device, this.vis)
    this.handOver = new HandOver()
    this.changed = []
    this.receivers = []
    this.transmitters = []
    this.handed = 0
    this.wasFull = false
    this.state = 'running'
    this.resetTimer = null
    device.host.onWork = () => this.interrupt()
    device.onLink = (up) => this.tell({ kind: 'link', up })
    pool.onFree = () => this.post()
    this.post()
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
    return this.device.host.queued.count + this.device.host.sent.count
  }

  /**
   * 'taken': the port's, which releases it when it has left, in order (FL-07), or dropped and counted it. 'full': the
   * caller's; `onRoom` tells when to come again.
   */
  transmit(frame: Frame): 'taken' | 'full' {
    const { host } = this.device
    if (this.state === 'closed') {
      this.device.drops.count('nic_tx_closed', frame.segments, frame.length)
      frame.release()
      return 'taken'
    }
    if (host.queued.count >= this.txDepth) {
      this.wasFull = true
      return 'full'
    }
    for (let i = 0; i < this.transmitters.length; i++) this.transmitters[i](frame)
    // While frames stand in the queue the NIC fetches on by itself: one doorbell starts it.
    if (host.queued.count === 0) this.engine.charge('doorbell', 1)
    host.queued.push(frame)
    this.engine.charge('descriptor', 1)
    this.device.kickTx()
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
    const sentMore = this.releaseSent(budget)
    const receivedMore = this.handOn(budget)
    this.vis.deliverWakes()
    if (this.handOver.waiting) this.updateHandOver()
    return sentMore || receivedMore
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
    this.device.host.onWork = () => undefined
    this.pollHandle.remove()
    this.pool.onFree = null
    const { queued, sent, received, posted } = this.device.host
    for (let frame = queued.shift(); frame !== undefined; frame = queued.shift()) {
      this.device.drops.count('nic_tx_closed', frame.segments, frame.length)
      frame.release()
    }
    for (let frame = received.shift(); frame !== undefined; frame = received.shift()) {
      this.device.drops.count('nic_rx_closed', 1, frame.length)
      frame.release()
    }
    sent.releaseAll()
    posted.releaseAll()
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

  private releaseSent(budget: number): boolean {
    const { sent, queued } = this.device.host
    let left = budget
    for (; left > 0; left--) {
      const frame = sent.shift()
      if (frame === undefined) break
      frame.release()
    }
    if (left < budget) this.engine.charge('descriptor', budget - left)
    if (this.wasFull && queued.count < this.txDepth) {
      this.wasFull = false
      this.onRoom?.()
    }
    return sent.count > 0
  }

  private handOn(budget: number): boolean {
    const { received } = this.device.host
    const { onReceive, receivers } = this
    if (onReceive === null) return false
    let left = budget
    for (; left > 0; left--) {
      const frame = received.shift()
      if (frame === undefined) break
      for (let i = 0; i < receivers.length; i++) receivers[i](frame)
      onReceive(frame)
      this.handed++
    }
    if (left < budget) this.engine.charge('frame', budget - left)
    return received.count > 0
  }

  /** Posts every frame that is free. */
  private post(): void {
    const { posted } = this.device.host
    const waited = posted.count === 0
    let any = 0
    for (let frame = this.pool.take(); frame !== undefined; frame = this.pool.take()) {
      posted.push(frame)
      any++
    }
    if (any === 0) return
    this.engine.charge('descriptor', any)
    if (!waited) return
    this.engine.charge('doorbell', 1)
    this.device.kickRx()
  }

  private updateHandOver(): void {
    const { device } = this
    this.handOver.update(device.processed, device.host.receivedTotal, this.handed)
    if (!this.handOver.waiting) device.whenProcessed(null)
  }

  private tell(change: PortChange): void {
    for (const changed of this.changed) changed(change)
  }
}
