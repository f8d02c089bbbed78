// A guest that drives its VI with nothing but the layout of constants.ts: what a plugin's frontend half does.
import type { IoPage, MappedPage } from '@netaccel/xen'
import type { Arena, Extent, Page } from '@netaccel/xen'
import { GrantOps, GrantTable } from '@netaccel/xen'
import {
  bufferAddress,
  DOORBELL_EVENT_ARM,
  DOORBELL_EVENT_READ,
  DOORBELL_RX,
  DOORBELL_TX,
  EVENT_COUNT_SHIFT,
  EVENT_KIND_MASK,
  EVENT_KIND_SHIFT,
  EVENT_REASON_MASK,
  EVENT_SLOT_MASK,
  optionWord,
  phaseOf,
  TX_CHECKSUM,
  TX_CONTINUE,
  TX_OPTION,
  viPages,
  writeDescriptor,
} from '../constants.js'
import type { ViHandle } from '../driver/vi-handle.js'
import type { Host } from './rig.js'
import { handleOf, share } from './rig.js'

export interface RawEvent {
  readonly kind: number
  readonly slot: number
  readonly count: number
  readonly reason: number
  readonly word0: number
  readonly word1: number
}

export interface GuestSizes {
  readonly events?: number
  readonly tx?: number
  readonly rx?: number
  readonly buffers?: number
  /** Address of its vif, as the host would say it. */
  readonly mac?: string
}

export class RawGuest {
  readonly host: Host
  readonly domid: number
  readonly extent: Extent
  readonly grants: GrantTable
  readonly ops: GrantOps
  readonly vi: ViHandle
  readonly rings: Arena
  readonly events: MappedPage[]
  readonly txRing: MappedPage[]
  readonly rxRing: MappedPage[]
  readonly doorbell: IoPage
  /** Pages of the guest that are registered, and the buffer-table index of the first. */
  readonly buffers: Arena
  readonly index: number
  readonly sizes: Required<Omit<GuestSizes, 'mac'>>
  wakes = 0
  txProducer = 0
  rxProducer = 0
  eventRead = 0

  constructor(host: Host, domid: number, sizes: GuestSizes = {}) {
    this.sizes = { events: 1024, tx: 512, rx: 512, buffers: 64, ...sizes }
    const { events, tx, rx, buffers } = this.sizes
    this.host = host
    this.domid = domid
    this.extent = host.machine.createExtent(domid, buffers + 40)
    this.grants = new GrantTable(host.machine, this.extent)
    this.ops = new GrantOps(host.machine, domid)
    this.rings = host.extent.allocPages(viPages(events, tx, rx))
    const vi = host.driver.vis.create({
      owner: domid,
      events,
      tx,
      rx,
      rings: this.rings,
      ...(sizes.mac !== undefined && { mac: sizes.mac }),
    })
    if (typeof vi === 'string') throw new Error(`no VI: ${vi}`)
    this.vi = vi
    vi.onWake(() => this.wakes++)
    const pagesOf = (role: string): MappedPage[] =>
      share(
        host,
        host.grants,
        0,
        this.ops,
        vi.pages.filter((page) => page.role === role).map(({ page }) => page),
      )
    this.events = pagesOf('event')
    this.txRing = pagesOf('tx')
    this.rxRing = pagesOf('rx')
    const door = vi.pages.find((page) => page.role === 'doorbell')
    const io = this.ops.mapIo(0, host.grants.grant(domid, (door as { page: Page }).page, 'io'))
    if (typeof io === 'number') throw new Error(`no doorbell: ${io}`)
    this.doorbell = io
    this.buffers = this.extent.allocPages(buffers)
    const mapped = share(host, this.grants, domid, host.ops, this.buffers.pages)
    this.index = vi.register(mapped.map(handleOf))
    if (this.index < 0) throw new Error(`registering gave ${this.index}`)
  }

  /** Buffer address of byte `at` of the guest's buffer pages. */
  address(at: number): number {
    return bufferAddress(this.index + (at >>> 12), at & 4095)
  }

  put(at: number, bytes: Uint8Array): void {
    this.buffers.bytes.set(bytes, this.buffers.offset + at)
  }

  get(at: number, length: number): Uint8Array {
    const from = this.buffers.offset + at
    return this.buffers.bytes.slice(from, from + length)
  }

  postRx(at: number, length: number): void {
    this.descriptor(this.rxRing, this.sizes.rx, this.rxProducer++, this.address(at), length)
  }

  ringRx(): void {
    this.doorbell.write32(DOORBELL_RX, this.rxProducer)
  }

  /** One descriptor of a frame that lies at `at`. */
  postTx(at: number, length: number, flags = 0): void {
    this.descriptor(this.txRing, this.sizes.tx, this.txProducer++, this.address(at), length | flags)
  }

  postOption(mss: number, headerBytes: number, type: number): void {
    const word = optionWord(mss, headerBytes, type)
    this.descriptor(this.txRing, this.sizes.tx, this.txProducer++, word, TX_OPTION | TX_CONTINUE)
  }

  ringTx(): void {
    this.doorbell.write32(DOORBELL_TX, this.txProducer)
  }

  /** Puts a frame at `at` and sends it with one descriptor. */
  send(at: number, frame: Uint8Array, checksum = false): void {
    this.put(at, frame)
    this.postTx(at, frame.length, checksum ? TX_CHECKSUM : 0)
    this.ringTx()
  }

  /** All events that are there; the slots are given back. */
  poll(arm = false): RawEvent[] {
    const found: RawEvent[] = []
    for (;;) {
      const slot = this.eventRead & (this.sizes.events - 1)
      const { view } = this.events[slot >>> 9]
      const word1 = view.getUint32((slot & 511) * 8 + 4, true)
      if (word1 >>> 31 !== phaseOf(this.eventRead, this.sizes.events)) break
      const kind = (word1 >>> EVENT_KIND_SHIFT) & EVENT_KIND_MASK
      if (kind === 0) break
      const word0 = view.getUint32((slot & 511) * 8, true)
      found.push({
        kind,
        slot: word0 & EVENT_SLOT_MASK,
        count: word0 >>> EVENT_COUNT_SHIFT,
        reason: word1 & EVENT_REASON_MASK,
        word0,
        word1,
      })
      this.eventRead = (this.eventRead + 1) >>> 0
    }
    this.doorbell.write32(arm ? DOORBELL_EVENT_ARM : DOORBELL_EVENT_READ, this.eventRead)
    return found
  }

  private descriptor(
    ring: MappedPage[],
    capacity: number,
    index: number,
    word0: number,
    word1: number,
  ): void {
    const page = ring[(index & (capacity - 1)) >>> 9]
    if (capacity <= 512) writeDescriptor(page.view, 0, capacity, index, word0, word1)
    else {
      const slot = (index & (capacity - 1) & 511) * 8
      page.view.setUint32(slot, word0, true)
      page.view.setUint32(slot + 4, ((word1 & 0x7fffffff) | (phaseOf(index, capacity) << 31)) >>> 0, true)
    }
  }
}
