import {
  BackRing,
  copyEngine,
  type CopyEngineKind,
  GrantOps,
  GrantTable,
  Machine,
  PAGE_SIZE,
} from '@netaccel/xen'
import { XEN_NETIF_TX_SLOT_BYTES } from '@netaccel/xen/netif'
import { Back } from './back.js'
import { Front } from './front.js'
import { DATA_PAGES } from './sizes.js'

const FRONT = 1
const BACK = 0
const BATCH = 32
/** Grant table, ring, template, grants of the ring, and some to spare. */
const MORE_PAGES = 48

/**
 * One hop of frames from a guest to the driver domain, and nothing else: write, grant, request; check, copy, answer;
 * take the answer, end the grant. The work of ../reference/ring_hop.c, line by line, on the parts that the drivers are
 * made of.
 */
export class Hop {
  /** Packets a round: 32, or as many as fit the ring. */
  readonly batch: number
  private readonly bytes: number
  private readonly front: Front
  private readonly back: Back

  constructor(bytes: number, kind: CopyEngineKind) {
    const machine = new Machine({ bytes: 8 << 20 })
    const backExtent = machine.createExtent(BACK, DATA_PAGES + MORE_PAGES)
    const frontExtent = machine.createExtent(FRONT, DATA_PAGES + MORE_PAGES)
    const grants = new GrantTable(machine, frontExtent)
    const ops = new GrantOps(machine, BACK, { engine: kind })
    this.front = new Front(frontExtent, grants, copyEngine(machine, kind), BACK)
    const mapped = ops.map(FRONT, grants.grant(BACK, this.front.ringPage, 'rw'), 'rw')
    if (typeof mapped === 'number') throw new Error(`the ring cannot be mapped: status ${mapped}`)
    const ring = BackRing.attach(mapped, XEN_NETIF_TX_SLOT_BYTES)
    if (ring === 'impossible') throw new Error('the ring cannot be attached')
    this.back = new Back(backExtent, ops, ring, FRONT)
    const slots = bytes > PAGE_SIZE ? Math.ceil(bytes / PAGE_SIZE) + 1 : 1
    this.batch = Math.min(BATCH, Math.floor(ring.size / slots))
    this.bytes = bytes
  }

  round(): void {
    this.front.send(this.batch, this.bytes)
    this.back.receive()
    this.front.complete()
  }

  /** Throws if what arrived is not what was sent, or if nobody ever asked to be woken. */
  check(): void {
    const length = Math.min(this.bytes, PAGE_SIZE)
    if (Buffer.compare(this.back.arrived(length), this.front.sent(length)) !== 0)
      throw new Error('what arrived is not what was sent')
    if (this.front.notified === 0 || this.back.notified === 0) throw new Error('no push asked for a wake-up')
  }
}
