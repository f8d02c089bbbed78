import { DropCounters } from '@netaccel/core'
import type { View } from '@netaccel/packet'
import type { Engine, PollHandle } from '@netaccel/xen'
import { MOVE_BYTES } from '@netaccel/xen'
import { NicError } from '../errors.js'
import { BufferTable } from './buffer-table.js'
import type { HostBus } from './bus.js'
import type { DeviceParts, NicObserver, PortStatistics } from './device-parts.js'
import type { FilterWords } from './filter-key.js'
import { FilterTable } from './filter-table.js'
import { Dma } from './dma.js'
import { LocalSwitch } from './local-switch.js'
import { macWords } from './mac-words.js'
import { Meter } from './meter.js'
import { RxEngine } from './rx-engine.js'
import { TxEngine } from './tx-engine.js'
import { RUN_LIST_BYTES } from './tx-run.js'
import type { PoliceOptions } from './tx-police.js'
import { TxPolice } from './tx-police.js'
import type { VirtualInterface } from './virtual-interface.js'
import { ViSet } from './vi-set.js'
import type { WireLane } from './wire-lane.js'
import type { WireSocket } from './wire.js'

export interface NicDeviceOptions {
  readonly name: string
  /** The device's own: `timeline.engine('eth0')`. */
  readonly engine: Engine
  readonly bus: HostBus
  readonly mac: string
  /** Default 1500. */
  readonly mtu?: number
  /** Largest that {@link NicDevice.setMtu} takes; sizes the wire's slots. Default: `mtu`. */
  readonly maxMtu?: number
  /** VIs at once; default 32. */
  readonly vis?: number
  /** Entries of the filter table, a power of two; default 8192. */
  readonly filters?: number
  /** Entries of the buffer table; default 65536. */
  readonly bufferPages?: number
  /** A frame for which no buffer is posted: hold up the wire up to `pauseNs` (default), or drop it at once. */
  readonly overflow?: 'wait' | 'drop'
  /** Default 10 ms. */
  readonly pauseNs?: number
  /** A frame for a VI whose checksum is wrong: deliver it, marked (default), or a discard event. */
  readonly badChecksum?: 'deliver' | 'discard'
  /** What VIs may send; default: all. */
  readonly police?: PoliceOptions
}

export interface NicStatistics extends Readonly<PortStatistics> {
  /** The wire was held up, and how often until the watchdog ended it. */
  readonly pauses: number
  readonly pauseTimeouts: number
}

/**
 * A NIC with one port, on an engine of its own: a queue for the driver domain, VIs for guests, a buffer table, a filter
 * table and a socket for a {@link Wire}. Nothing that a guest writes makes it throw or touch memory that was not
 * registered for that guest's VI (D8, MEM-06). The driver is {@link NicDriver}; this class is what it programs.
 */
export class NicDevice implements WireSocket {
  readonly name: string
  readonly mac: string
  readonly engine: Engine
  readonly drops: DropCounters
  readonly maxMtu: number
  readonly vis: ViSet
  /** Carrier came or went; for the driver. */
  onLink: ((up: boolean) => void) | null
  private readonly parts: DeviceParts
  private readonly bus: HostBus
  private readonly tx: TxEngine
  private readonly rx: RxEngine
  private readonly local: LocalSwitch
  private readonly txPoll: PollHandle
  private readonly rxPoll: PollHandle

  constructor(options: NicDeviceOptions) {
    const { name, engine, bus, mac, mtu = 1500, maxMtu = mtu, vis = 32, overflow = 'wait' } = options
    const { filters = 8192, bufferPages, pauseNs = 10_000_000, badChecksum = 'deliver', police } = options
    if (!(mtu >= 68 && mtu <= maxMtu && maxMtu <= 16_000))
      throw new NicError('BAD_OPTION', `${name} cannot have an MTU of ${mtu} of ${maxMtu}: give 68 to 16000`)
    if (filters < 8 || (filters & (filters - 1)) !== 0)
      throw new NicError(
        'BAD_OPTION',
        `${name} cannot have ${filters} filters: give a power of two from 8 up`,
      )
    this.name = name
    this.mac = mac
    this.bus = bus
    this.engine = engine
    this.maxMtu = maxMtu
    this.drops = new DropCounters()
    this.onLink = null
    this.parts = {
      name,
      engine,
      buffers: new BufferTable(bufferPages),
      filters: new FilterTable(filters),
      dma: new Dma(bus.words, bus.copies),
      host: null,
      vis: Array.from({ length: vis }, () => null),
      viTop: 0,
      drops: this.drops,
      statistics: emptyStatistics(),
      meter: new Meter(),
      police: police === undefined ? null : new TxPolice(engine, vis, police),
      out: null,
      incoming: null,
      link: false,
      running: true,
      mtu,
      observer: null,
    }
    const settings = { overflow, pauseNs, badChecksum }
    this.local = new LocalSwitch(this.parts, settings, maxMtu)
    this.local.addresses.add(macWords(mac))
    this.tx = new TxEngine(this.parts, this.local)
    this.rx = new RxEngine(this.parts, settings)
    this.txPoll = engine.addPoller(this.tx)
    this.rxPoll = engine.addPoller(this.rx)
    if (this.parts.police !== null) this.parts.police.onTokens = () => this.txPoll.schedule()
    this.local.onRoom = () => this.txPoll.schedule()
    this.rx.onPauseEnd = () => this.rxPoll.schedule()
    const { parts, tx, rx, local, txPoll, rxPoll } = this
    this.vis = new ViSet({ parts, bus, tx, rx, local, txPoll, rxPoll })
  }

  get mtu(): number {
    return this.parts.mtu
  }

  get link(): boolean {
    return this.parts.link
  }

  /** The driver's own queue; null until the driver has opened it. */
  get host(): VirtualInterface | null {
    return this.parts.host
  }

  get buffers(): BufferTable {
    return this.parts.buffers
  }

  get filters(): FilterTable {
    return this.parts.filters
  }

  /** Watches the port's frames, on the NIC's engine; null: nobody does. */
  set observer(observer: NicObserver | null) {
    this.parts.observer = observer
  }

  statistics(): NicStatistics {
    return { ...this.parts.statistics, pauses: this.rx.pauses, pauseTimeouts: this.rx.pauseTimeouts }
  }

  /** Throws `BAD_OPTION` above what the wire's slots were made for. */
  setMtu(mtu: number): void {
    if (!(mtu >= 68 && mtu <= this.maxMtu))
      throw new NicError(
        'BAD_OPTION',
        `${this.name} takes an MTU of 68 to ${this.maxMtu}, not ${mtu}: set maxMtu`,
      )
    this.parts.mtu = mtu
  }

  // ---- the wire ----

  /** Behind the packets lies the list of the moves that fill them. */
  buffer(bytes: number): View | undefined {
    const listAt = Math.ceil(bytes / MOVE_BYTES) * MOVE_BYTES
    const whole = this.bus.buffer(listAt + RUN_LIST_BYTES)
    if (whole === undefined) return undefined
    this.tx.runs.setList({ ...whole, offset: whole.offset + listAt, length: RUN_LIST_BYTES })
    return whole
  }

  freeBuffer(buffer: View): void {
    this.tx.runs.setList(null)
    this.bus.freeBuffer(buffer)
  }

  plugged(out: WireLane, incoming: WireLane): void {
    this.parts.out = out
    this.parts.incoming = incoming
    out.onRoom = () => this.txPoll.schedule()
    incoming.onArrival = () => this.rxPoll.schedule()
    this.carrier(true)
  }

  unplugged(): void {
    this.carrier(false)
    this.parts.out = null
    this.parts.incoming = null
  }

  carrier(up: boolean): void {
    if (this.parts.link === up) return
    this.parts.link = up
    this.rx.resteer()
    this.txPoll.schedule()
    this.onLink?.(up)
  }

  // ---- hand-over ----

  /** Frames taken from the wire so far; and those plus what has arrived and waits. */
  get processed(): number {
    return this.rx.processed
  }

  get arrived(): number {
    return this.rx.processed + (this.parts.incoming?.waitingArrivals ?? 0)
  }

  /** Called after each step that took frames from the wire; null: not wanted. */
  whenProcessed(call: (() => void) | null): void {
    this.rx.onProcessed = call
  }

  // ---- the switch ----

  /**
   * A station of the driver domain's bridge, as Linux dev_uc_add says it to a NIC: what guests' VIs send to this address
   * goes to the driver domain, or to the VI that a filter names, and not to the wire. False: there are too many.
   */
  addAddress(mac: string): boolean {
    return this.local.addresses.add(macWords(mac))
  }

  /** Undoes one {@link addAddress}. */
  removeAddress(mac: string): void {
    this.local.addresses.remove(macWords(mac))
  }

  // ---- filters ----

  insertFilter(words: FilterWords, vi: VirtualInterface): number | 'duplicate' | 'full' {
    const slot = this.parts.filters.insert(words, vi.id)
    this.resteer()
    return slot
  }

  removeFilter(slot: number): void {
    this.parts.filters.remove(slot)
    this.resteer()
    this.rxPoll.schedule()
  }

  private resteer(): void {
    this.rx.resteer()
    if (this.local.waits) this.txPoll.schedule()
  }

  // ---- life ----

  /** Stops everything; all VIs are quiet and their filters gone. Frames of the driver stay where they are. */
  halt(): void {
    this.parts.running = false
    for (const vi of this.parts.vis) {
      if (vi === null) continue
      this.vis.stop(vi)
      this.parts.filters.removeVi(vi.id)
    }
    this.txPoll.cancel()
    this.rxPoll.cancel()
  }

  /** Goes on after {@link halt}. */
  restart(): void {
    this.parts.running = true
    this.rx.resteer()
    this.txPoll.schedule()
    this.rxPoll.schedule()
  }

  /** Ends the device: afterwards it neither reads nor writes, and is out of its engine. */
  close(): void {
    this.halt()
    const { host } = this.parts
    if (host !== null) this.tx.abandon(host, 'nic_tx_closed')
    for (const vi of this.parts.vis) if (vi !== null) this.vis.destroy(vi)
    this.vis.closeHost()
    this.txPoll.remove()
    this.rxPoll.remove()
  }
}

function emptyStatistics(): PortStatistics {
  return {
    txPackets: 0,
    txBytes: 0,
    rxPackets: 0,
    rxBytes: 0,
    viTxPackets: 0,
    viTxBytes: 0,
    viTxDroppedPackets: 0,
    viTxDroppedBytes: 0,
    viRxPackets: 0,
    viRxBytes: 0,
    viRxMissedPackets: 0,
    viRxMissedBytes: 0,
    viRxUntoldPackets: 0,
    viRxUntoldBytes: 0,
    viRxUnreadPackets: 0,
    viTxLocalPackets: 0,
    viTxLocalBytes: 0,
    switchInPackets: 0,
    switchInBytes: 0,
    switchViPackets: 0,
    switchViBytes: 0,
    switchMissedPackets: 0,
    switchMissedBytes: 0,
    switchHostPackets: 0,
    switchHostBytes: 0,
  }
}
