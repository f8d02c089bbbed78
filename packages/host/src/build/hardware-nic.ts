// Stage 6s of a frame's way in, for hardware that a plugin brings: received frames are handed to the bridge.
import type { Bridge } from '@netaccel/bridge'
import {
  type AcceleratedPort,
  type DomainId,
  type HardwareBench,
  machineFrameOf,
  type Page,
  type PortChange,
  type PortObserver,
  type View,
} from '@netaccel/core'
import { type Frame, FrameQueue } from '@netaccel/packet'
import {
  type CleanupStack,
  type Domain,
  type Engine,
  type Hypervisor,
  PAGE_SHIFT,
  PAGE_SIZE,
  type PollHandle,
  type Poller,
} from '@netaccel/xen'
import type { NicValue } from '../value/world-value.js'
import { CableEnd } from './cable-end.js'
import { NicPort, type PluggablePort } from './nic-port.js'
import { SoftwareOffload } from './software-offload.js'

const DEFAULT_MTU = 1500

/** A NIC whose hardware is a plugin's own: what the host has for it, and the port that the plugin made of it. */
export class HardwareNic implements HardwareBench, Poller {
  readonly name: string
  readonly mac: string
  readonly engine: Engine
  readonly wire: CableEnd
  readonly #hypervisor: Hypervisor
  readonly #driver: Domain
  readonly #received = new FrameQueue()
  readonly #handOver: PollHandle
  #waiting: (() => void)[] = []
  #plugged: NicPort | null = null
  #port: HardwarePort | null = null

  /** Build what the hardware will stand on, pushing on `cleanup` whatever undoes it. */
  constructor(name: string, value: NicValue, hypervisor: Hypervisor, driver: Domain, cleanup: CleanupStack) {
    this.name = name
    this.mac = value.mac
    this.#hypervisor = hypervisor
    this.#driver = driver
    this.engine = hypervisor.timeline.engine(`${hypervisor.name}.${name}`, hypervisor.costs)
    cleanup.push(`${name} engine`, () => hypervisor.timeline.removeEngine(this.engine))
    this.wire = new CableEnd(`${hypervisor.name}.${name}`, this.engine, value.mtu ?? DEFAULT_MTU)
    this.#handOver = driver.engine.addPoller(this)
    cleanup.push(`${name} queue`, () => this.#close())
  }

  /** The port as the rest of the host meets it, once the hardware has made it. */
  open(port: AcceleratedPort): AcceleratedPort {
    const made = new HardwarePort(port, this, this.#driver)
    this.#port = made
    this.wire.onRoom = () => made.room()
    return made
  }

  /** Put the NIC into a bridge. */
  plug(bridge: Pick<Bridge, 'addPort'>): void {
    const made = this.#port
    if (made === null) return
    const port = new NicPort(made)
    port.plug(bridge.addPort({ name: this.name, send: (frame) => port.send(frame) }))
    this.#plugged = port
    this.#handOver.schedule()
  }

  /** Settles when all that the hardware has handed over by now is with the bridge. */
  handedOn(): Promise<void> {
    if (this.#received.count === 0) return Promise.resolve()
    this.engine.asyncBegin()
    return new Promise<void>((resolve) => this.#waiting.push(resolve)).finally(() => this.engine.asyncEnd())
  }

  // --- HardwareBench

  received(frame: Frame): void {
    this.#received.push(frame)
    if (this.#handOver.scheduled) return
    this.#handOver.schedule()
    this.#driver.engine.raise()
  }

  memory(page: Page, owner: DomainId): View | undefined {
    const { machine } = this.#hypervisor
    if (!machine.hasDomain(owner)) return undefined
    const extent = machine.extentOf(owner)
    const frame = machineFrameOf(page)
    // A frame number by itself names a page of the driver domain.
    if (frame < 0) return owner === this.#driver.id ? pageOf(extent, page) : undefined
    return pageOf(extent, frame - (extent.base >>> PAGE_SHIFT))
  }

  ioPage(written: (offset: number, value: number) => void): Page {
    return this.#hypervisor.machine.ioPage(this.#driver.id, written)
  }

  freeIoPage(page: Page): void {
    const { io } = this.#hypervisor.machine
    if (io.find(page) !== undefined) io.remove(page)
  }

  /** On the driver domain's engine: the driver hands received frames to the bridge. */
  poll(budget: number): boolean {
    const onReceive = this.#port?.onReceive ?? null
    if (onReceive === null) return false
    let done = 0
    for (let frame = this.#received.shift(); frame !== undefined; frame = this.#received.shift()) {
      onReceive(frame)
      if (++done === budget) break
    }
    if (done > 0) this.#driver.engine.charge('frame', done)
    if (this.#received.count > 0) return true
    for (const settle of this.#waiting.splice(0)) settle()
    return false
  }

  #close(): void {
    this.#plugged?.close()
    const held = this.#port?.close() ?? 0
    if (held > 0) this.wire.drops.count('nic_tx_closed', held, 0)
    this.wire.close()
    this.#handOver.remove()
    for (const settle of this.#waiting.splice(0)) settle()
    for (let frame = this.#received.shift(); frame !== undefined; frame = this.#received.shift()) {
      this.wire.drops.count('nic_rx_closed', 1, frame.length)
      frame.release()
    }
  }
}

/**
 * The hardware's port, with what the host does for it: cuts and sums what goes out, and knows what has come in and is not
 * with the bridge yet.
 */
class HardwarePort implements AcceleratedPort, PluggablePort {
  readonly vis?: NonNullable<AcceleratedPort['vis']>
  readonly filters?: NonNullable<AcceleratedPort['filters']>
  readonly observe?: (observer: PortObserver) => void
  onReceive: ((frame: Frame) => void) | null = null
  onRoom: (() => void) | null = null
  readonly #inner: AcceleratedPort
  readonly #nic: HardwareNic
  readonly #offload: SoftwareOffload

  constructor(inner: AcceleratedPort, nic: HardwareNic, driver: Domain) {
    this.#inner = inner
    this.#nic = nic
    this.#offload = new SoftwareOffload(
      driver,
      (frame) => inner.transmit(frame),
      () => this.room(),
    )
    if (inner.vis !== undefined) this.vis = inner.vis
    if (inner.filters !== undefined) this.filters = inner.filters
    if (inner.observe !== undefined) this.observe = (observer) => inner.observe?.(observer)
  }

  get name(): string {
    return this.#nic.name
  }

  get kind(): string {
    return this.#inner.kind
  }

  get mac(): string {
    return this.#nic.mac
  }

  get mtu(): number {
    return this.#inner.mtu
  }

  get link(): boolean {
    return this.#inner.link
  }

  onChange(changed: (change: PortChange) => void): void {
    this.#inner.onChange(changed)
  }

  transmit(frame: Frame): 'taken' | 'full' {
    return this.#offload.transmit(frame)
  }

  /** A frame has left: what waits is tried again. */
  room(): void {
    if (this.#offload.flush()) this.onRoom?.()
  }

  /** Wire segments that were held and are given up. */
  close(): number {
    return this.#offload.close()
  }

  async handedOver(): Promise<void> {
    await this.#inner.handedOver()
    await this.#nic.handedOn()
  }
}

function pageOf(extent: Domain['extent'], page: number): View | undefined {
  if (!(page >= 0 && page < extent.pages)) return undefined
  return { view: extent.view, bytes: extent.bytes, offset: page * PAGE_SIZE, length: PAGE_SIZE }
}
