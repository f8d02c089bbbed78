// A frontend that speaks raw bytes: its rings are written with a DataView, its keys with the store's client. Nothing of
// netfront and nothing of the ring classes is used, so that it can say what no driver says.
import type { Arena, Domain, Port } from '@netaccel/xen'

/** Header fields of a ring page, and its slots (Xen public/io/ring.h). */
const REQ_PROD = 0
const REQ_EVENT = 4
const RSP_PROD = 8
const RSP_EVENT = 12
const SLOTS = 64
const RING = 256

/** Flags of a TX request. */
export const BLANK = 1
export const MORE = 4
export const EXTRA = 8

/** A TX request as its fields, or the bytes of an extra info. */
export type TxSlot =
  | {
      readonly size: number
      readonly flags?: number
      readonly offset?: number
      readonly gref?: number
      readonly id?: number
    }
  | readonly number[]

export interface TxAnswer {
  readonly id: number
  readonly status: number
}

export interface RxAnswer {
  readonly slot: number
  readonly id: number
  readonly offset: number
  readonly flags: number
  readonly status: number
  /** The slot's 8 bytes, for one that holds an extra info. */
  readonly bytes: readonly number[]
}

export const GSO_EXTRA = (mss: number, type: number, more = 0): readonly number[] => [
  1,
  more,
  mss & 0xff,
  mss >> 8,
  type,
  0,
  0,
  0,
]

/** One ring page of the guest. */
class RawRing {
  readonly page: Arena
  readonly ref: number
  readonly view: DataView
  readonly slotBytes: number
  /** Requests written; shown by {@link publish}. */
  produced: number
  /** Responses looked at. */
  consumed: number

  constructor(domain: Domain, backend: number, slotBytes: number, start: number) {
    this.page = domain.extent.allocPages(1)
    this.view = domain.extent.view
    this.slotBytes = slotBytes
    this.produced = start
    this.consumed = start
    for (const at of [REQ_PROD, RSP_PROD]) this.set(at, start)
    for (const at of [REQ_EVENT, RSP_EVENT]) this.set(at, start + 1)
    this.ref = domain.grants.grant(backend, this.page.pages[0], 'rw')
  }

  /** Byte offset of a slot in the guest's memory. */
  at(index: number): number {
    return this.page.offset + SLOTS + this.slotBytes * (index & (RING - 1))
  }

  set(field: number, value: number): void {
    this.view.setUint32(this.page.offset + field, value >>> 0, true)
  }

  get(field: number): number {
    return this.view.getUint32(this.page.offset + field, true)
  }

  /** Show what is written. True if the backend has asked to be told of it. */
  publish(): boolean {
    const old = this.reqProd
    this.set(REQ_PROD, this.produced)
    return (this.produced - this.reqEvent) >>> 0 < (this.produced - old) >>> 0
  }

  get reqProd(): number {
    return this.get(REQ_PROD)
  }

  set reqProd(value: number) {
    this.set(REQ_PROD, value)
  }

  get rspProd(): number {
    return this.get(RSP_PROD)
  }

  get reqEvent(): number {
    return this.get(REQ_EVENT)
  }

  set rspEvent(value: number) {
    this.set(RSP_EVENT, value)
  }
}

/** The hostile, or merely literal, guest of one vif. */
export class RawGuest {
  readonly domain: Domain
  readonly front: string
  readonly backend: number
  /** Where indices begin: near the wrap. */
  readonly start: number
  tx: RawRing
  rx: RawRing
  /** Pages to send from and to receive into; page k has `refs[k]`, granted for writing. */
  readonly pages: Arena
  readonly refs: number[]
  /** Events that the backend has raised, by channel. */
  readonly events: { tx: number; rx: number }
  private ports: Port[]

  constructor(domain: Domain, backend: number, handle = 0, start = 0xfffffff0) {
    this.domain = domain
    this.front = `/local/domain/${domain.id}/device/vif/${handle}`
    this.backend = backend
    this.start = start
    this.tx = new RawRing(domain, backend, 12, start)
    this.rx = new RawRing(domain, backend, 8, start)
    this.pages = domain.extent.allocPages(24)
    this.refs = this.pages.pages.map((page) => domain.grants.grant(backend, page, 'rw'))
    this.events = { tx: 0, rx: 0 }
    this.ports = []
  }

  /** Rings like new. */
  renew(): void {
    this.tx = new RawRing(this.domain, this.backend, 12, this.start)
    this.rx = new RawRing(this.domain, this.backend, 8, this.start)
  }

  /** The keys that a driver of today writes, with what is given on top of them (null: left out), and the state. */
  async connect(
    keys: Readonly<Record<string, string | null>> = {},
    split = false,
    state = '4',
  ): Promise<void> {
    const { domain, front } = this
    const raised = (channel: 'tx' | 'rx') => (): void => void this.events[channel]++
    this.ports = [domain.events.allocUnbound(this.backend, raised('tx'))]
    if (split) this.ports.push(domain.events.allocUnbound(this.backend, raised('rx')))
    const [tx, rx] = this.ports
    const channels: Record<string, string> = split
      ? { 'event-channel-tx': String(tx), 'event-channel-rx': String(rx) }
      : { 'event-channel': String(tx) }
    const all: Record<string, string | null> = {
      'tx-ring-ref': String(this.tx.ref),
      'rx-ring-ref': String(this.rx.ref),
      ...channels,
      'request-rx-copy': '1',
      'feature-rx-notify': '1',
      'feature-sg': '1',
      'feature-gso-tcpv4': '1',
      'feature-gso-tcpv6': '1',
      'feature-ipv6-csum-offload': '1',
      ...keys,
    }
    for (const [key, value] of Object.entries(all)) {
      if (value !== null) await domain.store.write(`${front}/${key}`, value)
    }
    await this.state(state)
  }

  /** Write a state: 1 Initialising, 4 Connected, 5 Closing, 6 Closed, 7 Reconfiguring. */
  state(state: string): Promise<void> {
    return this.domain.store.write(`${this.front}/state`, state)
  }

  /** Raise the backend's channel: that of both rings, or of the TX ring. */
  kick(): void {
    this.domain.events.notify(this.ports[0])
  }

  kickRx(): void {
    this.domain.events.notify(this.ports[this.ports.length - 1])
  }

  /** Fill page `page` from `at` on with a frame's bytes. */
  fill(page: number, bytes: ArrayLike<number>, at = 0): void {
    this.domain.extent.bytes.set(Array.from(bytes), this.pages.offset + page * 4096 + at)
  }

  /** Write requests without showing them. A request's id is its place, its page too, unless said. */
  write(...slots: readonly TxSlot[]): void {
    const { view } = this.tx
    slots.forEach((slot, i) => {
      const at = this.tx.at(this.tx.produced++)
      if (!('size' in slot)) return slot.forEach((byte, k) => view.setUint8(at + k, byte))
      view.setUint32(at, slot.gref ?? this.refs[i % this.refs.length], true)
      view.setUint16(at + 4, slot.offset ?? 0, true)
      view.setUint16(at + 6, slot.flags ?? 0, true)
      view.setUint16(at + 8, slot.id ?? i, true)
      view.setUint16(at + 10, slot.size, true)
    })
  }

  /** Write requests, show them, and raise the channel if that was asked for. */
  send(...slots: readonly TxSlot[]): void {
    this.write(...slots)
    if (this.tx.publish()) this.kick()
  }

  /** Post `count` pages, from page `page` on, one request each, with ids from `id` on. */
  post(count: number, page = 0, id = 0): void {
    const { view } = this.rx
    for (let i = 0; i < count; i++) {
      const at = this.rx.at(this.rx.produced++)
      view.setUint16(at, id + i, true)
      view.setUint32(at + 4, this.refs[(page + i) % this.refs.length], true)
    }
    if (this.rx.publish()) this.kickRx()
  }

  /** TX responses not looked at before; the guest asks to be woken for the next. */
  answers(): TxAnswer[] {
    const { view } = this.tx
    const found: TxAnswer[] = []
    while (this.tx.consumed >>> 0 !== this.tx.rspProd) {
      const at = this.tx.at(this.tx.consumed++)
      found.push({ id: view.getUint16(at, true), status: view.getInt16(at + 2, true) })
    }
    this.tx.rspEvent = this.tx.consumed + 1
    return found
  }

  /** RX responses not looked at before. */
  received(): RxAnswer[] {
    const { view } = this.rx
    const found: RxAnswer[] = []
    while (this.rx.consumed >>> 0 !== this.rx.rspProd) {
      const slot = this.rx.consumed++
      const at = this.rx.at(slot)
      found.push({
        slot: slot & (RING - 1),
        id: view.getUint16(at, true),
        offset: view.getUint16(at + 2, true),
        flags: view.getUint16(at + 4, true),
        status: view.getInt16(at + 6, true),
        bytes: Array.from({ length: 8 }, (_, k) => view.getUint8(at + k)),
      })
    }
    this.rx.rspEvent = this.rx.consumed + 1
    return found
  }

  /** Bytes of page `page`. */
  bytes(page: number, at: number, length: number): number[] {
    const from = this.pages.offset + page * 4096 + at
    return [...this.domain.extent.bytes.subarray(from, from + length)]
  }
}
