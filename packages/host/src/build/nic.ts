import type { Bridge } from '@netaccel/bridge'
import { MachineBus, NicDevice, NicDriver } from '@netaccel/nic-sim'
import { FramePool, poolBytes } from '@netaccel/packet'
import { type CleanupStack, type Domain, type Engine, type Hypervisor, PAGE_SIZE } from '@netaccel/xen'
import type { NicValue } from '../value/world-value.js'
import { NicPort } from './nic-port.js'

/** Receive buffers of the driver domain: what a NIC of this speed class posts, as many as its ring has descriptors. */
const RX_FRAMES = 512
const DEFAULT_MTU = 1500
const NS_PER_MS = 1_000_000
const ETHERNET_HEADER = 18

/** A NIC of a host: device, driver, and what plugs it into the bridge. */
export class Nic {
  readonly name: string
  readonly device: NicDevice
  readonly driver: NicDriver
  readonly pool: FramePool
  readonly port: NicPort
  readonly engine: Engine
  #plugged = false

  /**
   * Build it, pushing on `cleanup` whatever undoes it. `holdMs`: how long a guest may hold received frames back for the
   * order of a flow, and with them all of its buffers: the NIC waits for buffers twice as long before it drops.
   */
  constructor(
    name: string,
    value: NicValue,
    hypervisor: Hypervisor,
    driver: Domain,
    cleanup: CleanupStack,
    holdMs: number,
  ) {
    const { mac, mtu = DEFAULT_MTU, overflow, police } = value
    this.name = name
    this.engine = hypervisor.timeline.engine(`${hypervisor.name}.${name}`, hypervisor.costs)
    cleanup.push(`${name} engine`, () => hypervisor.timeline.removeEngine(this.engine))
    const bus = new MachineBus({ machine: hypervisor.machine, domid: driver.id })
    this.device = new NicDevice({
      name,
      engine: this.engine,
      bus,
      mac,
      mtu,
      pauseNs: 2 * holdMs * NS_PER_MS,
      ...(overflow === undefined ? {} : { overflow }),
      ...(police === undefined ? {} : { police }),
    })
    const bytesEach =
      mtu + ETHERNET_HEADER <= 2048 ? 2048 : Math.ceil((mtu + ETHERNET_HEADER) / PAGE_SIZE) * PAGE_SIZE
    const arena = driver.extent.allocPages(Math.ceil(poolBytes(RX_FRAMES, bytesEach) / PAGE_SIZE))
    cleanup.push(`${name} receive buffers`, () => driver.extent.freePages(arena))
    this.pool = new FramePool(arena, { frames: RX_FRAMES, bytesEach })
    const { engine, extent } = driver
    this.driver = new NicDriver({ engine, device: this.device, bus, extent, pool: this.pool })
    cleanup.push(`${name} driver`, () => this.driver.close())
    this.port = new NicPort(this.driver)
    cleanup.push(`${name} port`, () => this.port.close())
  }

  /** A station of the same bridge came or went: guests' VIs of this NIC reach it through the driver domain. */
  station(mac: string, here: boolean): void {
    if (!this.#plugged) return
    if (here) this.driver.addAddress(mac)
    else this.driver.removeAddress(mac)
  }

  /** Put the NIC into a bridge. */
  plug(bridge: Pick<Bridge, 'addPort'>): void {
    this.#plugged = true
    this.port.plug(bridge.addPort({ name: this.name, scatter: true, send: (frame) => this.port.send(frame) }))
  }
}
