// A backend that speaks raw bytes: it maps the guest's pages and reads and writes them with a DataView, its keys by the
// store's client. Nothing of netback and nothing of the ring classes is used, so that it can say what no driver says.
import { Hypervisor, MappedPage, settle, VirtualClock } from '@netaccel/xen'
import type { Domain, Port } from '@netaccel/xen'
import type { Frame } from '@netaccel/packet'
import { Netfront } from '../netfront.js'
import type { VifOptions } from '../vif.js'
import type { Vif } from '../vif.js'

const REQ_PROD = 0
const REQ_EVENT = 4
const RSP_PROD = 8
const RSP_EVENT = 12
const SLOTS = 64
const RING = 256

export interface TxAsked {
  readonly gref: number
  readonly offset: number
  readonly flags: number
  readonly id: number
  readonly size: number
  readonly bytes: readonly number[]
}

export interface RxSaid {
  readonly offset?: number
  readonly flags?: number
  readonly status: number
  /** What is written into the page, from its start on. */
  readonly fill?: readonly number[]
}

/** What a backend of today offers. */
const OFFER: Readonly<Record<string, string>> = {
  'feature-sg': '1',
  'feature-gso-tcpv4': '1',
  'feature-gso-tcpv6': '1',
  'feature-rx-copy': '1',
  'feature-split-event-channels': '1',
  'feature-xdp-headroom': '1',
}

class RawRing {
  readonly page: MappedPage
  readonly view: DataView
  readonly slotBytes: number
  consumed = 0
  produced = 0

  constructor(page: MappedPage, slotBytes: number) {
    this.page = page
    this.view = page.view
    this.slotBytes = slotBytes
  }

  at(index: number): number {
    return this.page.offset + SLOTS + this.slotBytes * (index & (RING - 1))
  }

  get reqProd(): number {
    return this.view.getUint32(this.page.offset + REQ_PROD, true)
  }

  set reqEvent(value: number) {
    this.view.setUint32(this.page.offset + REQ_EVENT, value >>> 0, true)
  }

  get rspProd(): number {
    return this.view.getUint32(this.page.offset + RSP_PROD, true)
  }

  set rspProd(value: number) {
    this.view.setUint32(this.page.offset + RSP_PROD, value >>> 0, true)
  }

  get rspEvent(): number {
    return this.view.getUint32(this.page.offset + RSP_EVENT, true)
  }
}

/** The hostile, or merely literal, backend of one real vif, with a stack above that keeps what it is given. */
export class RawBackend {
  readonly clock: VirtualClock
  readonly driver: Domain
  readonly guest: Domain
  readonly netfront: Netfront
  readonly received: { readonly bytes: readonly number[]; readonly frame: Frame }[] = []
  /** How often the stack was told that the device is connected. */
  announced = 0
  tx: RawRing | null = null
  rx: RawRing | null = null
  events = 0
  private ports: Port[] = []
  private readonly back: string
  private readonly front: string

  private constructor(clock: VirtualClock, driver: Domain, guest: Domain, options: VifOptions) {
    this.clock = clock
    this.driver = driver
    this.guest = guest
    this.back = `/local/domain/${driver.id}/backend/vif/${guest.id}/0`
    this.front = `/local/domain/${guest.id}/device/vif/0`
    this.netfront = new Netfront(guest, options)
    this.netfront.onVif = (vif) => {
      vif.stack = {
        receive: (frame) => {
          const bytes = [...frame.bytes.subarray(frame.offset, frame.offset + frame.length)]
          this.received.push({ bytes, frame })
        },
        wake: () => {},
        notifyPeers: () => void this.announced++,
      }
    }
  }

  /** The device is plugged in; `front`: keys of the toolstack in the guest's directory. The backend is in Initialising. */
  static async make(
    options: VifOptions = {},
    front: Readonly<Record<string, string>> = {},
    pages = 1200,
  ): Promise<RawBackend> {
    const clock = new VirtualClock()
    const xen = new Hypervisor({ timeline: clock, machine: { bytes: 16 << 20 } })
    const driver = await settle(clock, xen.createDomain({ name: 'driver', pages: 256 }))
    const guest = await settle(clock, xen.createDomain({ name: 'guest', pages }))
    const made = new RawBackend(clock, driver, guest, options)
    await made.settle(made.plug(front))
    await made.settle(made.netfront.start())
    return made
  }

  /** One whose vif is connected to it. */
  static async connected(
    options: VifOptions = {},
    front: Readonly<Record<string, string>> = {},
    pages = 1200,
  ): Promise<RawBackend> {
    const made = await RawBackend.make(options, front, pages)
    await made.offer()
    await made.attach()
    return made
  }

  settle<T>(work: Promise<T>): Promise<T> {
    return settle(this.clock, work)
  }

  run(ms = 1): Promise<void> {
    return this.clock.run({ for: ms * 1e6 })
  }

  get vif(): Vif {
    const vif = this.netfront.vif(0)
    if (vif === undefined) throw new Error('the guest has no vif')
    return vif
  }

  read(key: string): Promise<string | undefined> {
    return this.settle(this.driver.store.read(`${this.front}/${key}`))
  }

  /** Write a key of the backend's directory. */
  write(key: string, value: string): Promise<void> {
    return this.settle(this.driver.store.write(`${this.back}/${key}`, value))
  }

  /** Offer, with what is given on top (null: left out), and wait in InitWait for the guest's keys. */
  async offer(keys: Readonly<Record<string, string | null>> = {}): Promise<void> {
    for (const [key, value] of Object.entries({ ...OFFER, ...keys })) {
      if (value !== null) await this.write(key, value)
    }
    await this.write('state', '2')
    await this.run(5)
  }

  /** Take up the rings that the guest has told of, bind its channels, and go to Connected. */
  async attach(state = '4'): Promise<void> {
    const split = await this.read('event-channel-tx')
    const remote = split === undefined ? ['event-channel'] : ['event-channel-tx', 'event-channel-rx']
    this.ports = []
    for (const key of remote) {
      const port = this.driver.events.bindInterdomain(
        this.guest.id,
        Number(await this.read(key)),
        () => void this.events++,
      )
      if (port === undefined) throw new Error(`${key} cannot be bound`)
      this.ports.push(port)
    }
    this.tx = new RawRing(this.map(Number(await this.read('tx-ring-ref'))), 12)
    this.rx = new RawRing(this.map(Number(await this.read('rx-ring-ref'))), 8)
    await this.write('state', state)
    await this.run(5)
  }

  /** Let go of what was mapped and bound. */
  detach(): void {
    for (const ring of [this.tx, this.rx]) if (ring !== null) this.driver.grantOps.unmap(ring.page)
    for (const port of this.ports) this.driver.events.close(port)
    this.tx = null
    this.rx = null
    this.ports = []
  }

  map(ref: number, access: 'ro' | 'rw' = 'rw'): MappedPage {
    const page = this.driver.grantOps.map(this.guest.id, ref, access)
    if (!(page instanceof MappedPage)) throw new Error(`grant ${ref} cannot be mapped: status ${page}`)
    return page
  }

  kick(): void {
    for (const port of this.ports) this.driver.events.notify(port)
  }

  /** The TX requests that were not looked at before, with the bytes that they name. */
  asked(): TxAsked[] {
    const ring = this.ring('tx')
    const { view } = ring
    const found: TxAsked[] = []
    for (; ring.consumed !== ring.reqProd; ring.consumed = (ring.consumed + 1) >>> 0) {
      const at = ring.at(ring.consumed)
      const [gref, offset] = [view.getUint32(at, true), view.getUint16(at + 4, true)]
      const flags = view.getUint16(at + 6, true)
      const [id, size] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)]
      found.push({
        gref,
        offset,
        flags,
        id,
        size,
        bytes: this.peek(gref, offset, Math.min(size, 4096 - offset)),
      })
    }
    ring.reqEvent = ring.consumed + 1
    return found
  }

  /** What a page of the guest holds; nothing if it cannot be mapped. */
  peek(gref: number, offset: number, length: number): number[] {
    const page = this.driver.grantOps.map(this.guest.id, gref, 'ro')
    if (!(page instanceof MappedPage)) return []
    const bytes = [...page.bytes.subarray(page.offset + offset, page.offset + offset + length)]
    this.driver.grantOps.unmap(page)
    return bytes
  }

  /** Write TX responses, show them and raise the channel. */
  answer(...answers: readonly { readonly id: number; readonly status?: number }[]): void {
    const ring = this.ring('tx')
    for (const { id, status = 0 } of answers) {
      const at = ring.at(ring.produced++)
      ring.view.setUint16(at, id, true)
      ring.view.setInt16(at + 2, status, true)
    }
    ring.rspProd = ring.produced
    this.kick()
  }

  /** Page reference that the guest has posted in the RX slot that is answered next but `ahead`. */
  posted(ahead = 0): number {
    const ring = this.ring('rx')
    return ring.view.getUint32(ring.at(ring.produced + ahead) + 4, true)
  }

  /** Answer RX requests in their slots, or put the bytes of an extra info there; show them and raise the channel. */
  deliver(...slots: readonly (RxSaid | readonly number[])[]): void {
    const ring = this.ring('rx')
    for (const slot of slots) {
      const at = ring.at(ring.produced)
      if ('status' in slot) {
        if (slot.fill !== undefined) this.fill(this.posted(), slot.fill)
        ring.view.setUint16(at, ring.view.getUint16(at, true), true)
        ring.view.setUint16(at + 2, slot.offset ?? 0, true)
        ring.view.setUint16(at + 4, slot.flags ?? 0, true)
        ring.view.setInt16(at + 6, slot.status, true)
      } else slot.forEach((byte, k) => ring.view.setUint8(at + k, byte))
      ring.produced++
    }
    ring.rspProd = ring.produced
    this.kick()
  }

  /** Write into a page that the guest has granted. */
  fill(gref: number, bytes: readonly number[]): void {
    const page = this.map(gref)
    page.bytes.set(bytes, page.offset)
    this.driver.grantOps.unmap(page)
  }

  /** The guest's stack sends frames of these lengths; gives how many the device took. */
  send(...lengths: readonly number[]): number {
    const { vif } = this
    const frames = lengths.map((length) => {
      const frame = vif.txPool.take(length)
      if (frame === undefined) throw new Error('no frame is free for the test')
      frame.length = length
      for (let i = 0; i < length; i++) frame.bytes[frame.offset + i] = (i * 5 + length) & 0xff
      return frame
    })
    const taken = vif.transmit(frames, frames.length)
    for (const frame of frames.slice(taken)) frame.release()
    return taken
  }

  private ring(which: 'tx' | 'rx'): RawRing {
    const ring = this[which]
    if (ring === null) throw new Error('not attached')
    return ring
  }

  private async plug(front: Readonly<Record<string, string>>): Promise<void> {
    const { driver, guest } = this
    await driver.store.transaction(async (tx) => {
      await tx.mkdir(this.front)
      await tx.setPerms(this.front, [
        { domid: guest.id, letter: 'n' },
        { domid: driver.id, letter: 'r' },
      ])
      await tx.mkdir(this.back)
      await tx.setPerms(this.back, [
        { domid: driver.id, letter: 'n' },
        { domid: guest.id, letter: 'r' },
      ])
      await tx.writeAll({
        [`${this.front}/backend`]: this.back,
        [`${this.front}/backend-id`]: String(driver.id),
        [`${this.front}/state`]: '1',
        [`${this.back}/frontend`]: this.front,
        [`${this.back}/frontend-id`]: String(guest.id),
        [`${this.back}/online`]: '1',
        [`${this.back}/state`]: '1',
      })
      for (const [key, value] of Object.entries({ mac: '00:16:3e:00:00:01', handle: '0', ...front }))
        await tx.write(`${this.front}/${key}`, value)
    })
  }
}
