import type { DomainId } from '@netaccel/core'
import type { View } from '@netaccel/packet'
import type { PollHandle } from '@netaccel/xen'
import { DOORBELL_RX, DOORBELL_TX, ringPages } from '../constants.js'
import type { HostBus } from './bus.js'
import type { AddressSpace } from './address-space.js'
import { PhysicalSpace } from './address-space.js'
import type { DeviceParts } from './device-parts.js'
import type { LocalSwitch } from './local-switch.js'
import type { MacWords } from './mac-words.js'
import { RingMemory } from './ring-memory.js'
import type { RxEngine } from './rx-engine.js'
import type { TxEngine } from './tx-engine.js'
import { HOST_VI, VirtualInterface } from './virtual-interface.js'

export interface ViSetParts {
  readonly parts: DeviceParts
  readonly bus: HostBus
  readonly tx: TxEngine
  readonly rx: RxEngine
  readonly local: LocalSwitch
  readonly txPoll: PollHandle
  readonly rxPoll: PollHandle
}

/** Whole pages for the rings of a VI, and how many entries each of the three has. */
export interface ViSizes {
  readonly pages: readonly View[]
  readonly events: number
  readonly tx: number
  readonly rx: number
  /** Of the vif that it is for. */
  readonly address?: MacWords
}

/** The VIs of one device: made, rung, made quiet, destroyed. */
export class ViSet {
  readonly capacity: number
  private readonly all: ViSetParts
  /** Who waits for a VI to become quiet, by its id. */
  private readonly quietCallbacks: Map<number, (() => void)[]>

  constructor(all: ViSetParts) {
    this.all = all
    this.capacity = all.parts.vis.length
    this.quietCallbacks = new Map()
    all.tx.onViIdle = (vi) => {
      if (vi.state === 'quiescing') this.becomeQuiet(vi)
    }
  }

  /**
   * Makes a VI over pages that hold event queue, TX ring and RX ring in this order; they are zeroed. Undefined: none
   * left. The capacities are powers of two and the pages enough: the driver has checked.
   */
  create(owner: DomainId, sizes: ViSizes): VirtualInterface | undefined {
    const { parts, local } = this.all
    const id = parts.vis.indexOf(null)
    if (id < 0 || !parts.running) return undefined
    // Without a place in the switch's table what other VIs send to it would leave by the wire.
    if (sizes.address !== undefined && !local.addresses.add(sizes.address)) return undefined
    const vi = this.make(id, owner, sizes, parts.buffers)
    parts.vis[id] = vi
    parts.police?.begin(id)
    local.begin(id)
    parts.viTop = Math.max(parts.viTop, id + 1)
    return vi
  }

  /** The driver's own queue, in physical mode; it lives as long as the device. */
  openHost(owner: DomainId, sizes: ViSizes): VirtualInterface {
    const { parts, bus } = this.all
    const vi = this.make(HOST_VI, owner, sizes, new PhysicalSpace(bus.driverMemory, bus))
    parts.host = vi
    return vi
  }

  private make(id: number, owner: DomainId, sizes: ViSizes, space: AddressSpace): VirtualInterface {
    const { pages, events, tx, rx } = sizes
    const txAt = ringPages(events)
    const rxAt = txAt + ringPages(tx)
    const rings = {
      events: new RingMemory(pages.slice(0, txAt), events),
      tx: new RingMemory(pages.slice(txAt, rxAt), tx),
      rx: new RingMemory(pages.slice(rxAt, rxAt + ringPages(rx)), rx),
      space,
      address: sizes.address ?? null,
    }
    const page = this.all.bus.ioPage((offset, value) => this.ring(vi, offset, value))
    const vi = new VirtualInterface(id, owner, rings, page, this.all.parts.meter)
    return vi
  }

  /** Takes filters, buffers and the doorbell of a VI away and frees its number. It is quiet from here. */
  destroy(vi: VirtualInterface): void {
    this.stop(vi)
    const { parts, bus, local } = this.all
    if (parts.vis[vi.id] !== vi) return
    if (vi.address !== null) local.addresses.remove(vi.address)
    parts.filters.removeVi(vi.id)
    parts.buffers.removeAll(vi.id)
    bus.freeIoPage(vi.doorbell)
    parts.vis[vi.id] = null
    while (parts.viTop > 0 && parts.vis[parts.viTop - 1] === null) parts.viTop--
  }

  /** The device is closed: the driver's queue is quiet and its doorbell gone. What stands in its event queue stays. */
  closeHost(): void {
    const { parts, bus } = this.all
    if (parts.host === null) return
    parts.host.state = 'quiet'
    bus.freeIoPage(parts.host.doorbell)
    parts.host = null
  }

  /** From here on the VI fetches and writes nothing new. `quiet` is called, at once or later, when nothing is left. */
  quiesce(vi: VirtualInterface, quiet: () => void): void {
    const { tx, rx, rxPoll, txPoll } = this.all
    if (vi.state === 'live') {
      vi.state = 'quiescing'
      rx.resteer()
      rxPoll.schedule()
      txPoll.schedule()
    }
    if (vi.state === 'quiescing' && tx.busyWith(vi)) {
      this.quietCallbacks.set(vi.id, [...(this.quietCallbacks.get(vi.id) ?? []), quiet])
      return
    }
    this.becomeQuiet(vi)
    quiet()
  }

  /** Quiet now: what is left of a frame that was leaving is lost, counted. */
  stop(vi: VirtualInterface): void {
    if (vi.state === 'quiet') return
    const { parts, tx, rx, txPoll, rxPoll } = this.all
    tx.abandon(vi, parts.running ? 'nic_tx_closed' : 'nic_tx_reset')
    this.becomeQuiet(vi)
    rx.resteer()
    rxPoll.schedule()
    txPoll.schedule()
  }

  /** Pages for a VI's buffers: every one must be its owner's. First index, or why not. */
  register(vi: VirtualInterface, pages: readonly View[]): number {
    return vi.state === 'live' ? this.all.parts.buffers.add(vi.id, pages) : -1
  }

  /** A write to its doorbell page. */
  ring(vi: VirtualInterface, offset: number, value: number): void {
    const { txPoll, rxPoll, local } = this.all
    if (vi.state !== 'live' || !vi.ring(offset, value)) return
    if (offset === DOORBELL_TX) txPoll.schedule()
    else {
      rxPoll.schedule()
      if (local.waits || (offset !== DOORBELL_RX && vi.txProducer !== vi.txConsumer)) txPoll.schedule()
    }
  }

  private becomeQuiet(vi: VirtualInterface): void {
    const { drops, statistics } = this.all.parts
    if (vi.state !== 'quiet') {
      if (vi.untold > 0) drops.count('nic_rx_closed', vi.untold, vi.untoldBytes)
      statistics.viRxUntoldPackets += vi.untold
      statistics.viRxUntoldBytes += vi.untoldBytes
      statistics.viRxUnreadPackets += vi.unread
    }
    vi.state = 'quiet'
    const waiting = this.quietCallbacks.get(vi.id) ?? []
    this.quietCallbacks.delete(vi.id)
    for (const quiet of waiting) quiet()
  }
}
