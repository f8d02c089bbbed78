import {
  type Arena,
  type CopyEngine,
  type Extent,
  FrontRing,
  type GrantTable,
  type Page,
  RingGrants,
} from '@netaccel/xen'
import {
  readTxResponse,
  responseId,
  responseStatus,
  writeGsoExtra,
  writeTxRequest,
  XEN_NETIF_GSO_TYPE_TCPV4,
  XEN_NETIF_RSP_NULL,
  XEN_NETIF_RSP_OKAY,
  XEN_NETIF_TX_SLOT_BYTES,
  XEN_NETTXF_CSUM_BLANK,
  XEN_NETTXF_DATA_VALIDATED,
  XEN_NETTXF_EXTRA_INFO,
  XEN_NETTXF_MORE_DATA,
} from '@netaccel/xen/netif'
import { DATA_PAGES, MSS, PAGE, SHIFT } from './sizes.js'

/** 64 KiB and the page that an offset may add. */
const TEMPLATE_PAGES = 17

/** The guest's end of the hop: writes the payload into a page, grants it, asks; later takes the answer, ends the grant. */
export class Front {
  readonly ring: FrontRing
  readonly ringPage: Page
  /** Pushes after which the driver domain asked to be woken. */
  notified = 0
  private readonly extent: Extent
  private readonly grants: RingGrants
  private readonly engine: CopyEngine
  private readonly template: Arena
  private readonly freePages = new Int32Array(DATA_PAGES)
  private readonly freeIds: Int32Array
  private readonly slotPage: Int32Array
  private pagesFree = DATA_PAGES
  private idsFree: number

  constructor(extent: Extent, table: GrantTable, engine: CopyEngine, backend: number) {
    this.extent = extent
    this.engine = engine
    const page = extent.allocPages(1)
    FrontRing.init(page)
    this.ringPage = page.pages[0]
    this.ring = new FrontRing(page, XEN_NETIF_TX_SLOT_BYTES)
    const { size } = this.ring
    this.grants = new RingGrants(table, { slots: size, domid: backend, access: 'ro', engine: engine.kind })
    this.freeIds = Int32Array.from({ length: size }, (_, i) => size - 1 - i)
    this.slotPage = new Int32Array(size)
    this.idsFree = size
    const data = extent.allocPages(DATA_PAGES)
    for (let i = 0; i < DATA_PAGES; i++) this.freePages[i] = data.pages[DATA_PAGES - 1 - i]
    this.template = extent.allocPages(TEMPLATE_PAGES)
    for (let i = 0; i < TEMPLATE_PAGES * PAGE; i++) extent.bytes[this.template.offset + i] = i * 7
  }

  /** Where in the guest's memory the frame lies that all are copies of. */
  get templateOffset(): number {
    return this.template.offset
  }

  /** The first bytes of every frame. */
  sent(length: number): Uint8Array {
    return this.extent.bytes.slice(this.template.offset, this.template.offset + length)
  }

  /** `packets` frames of `bytes` each, then one push. */
  send(packets: number, bytes: number): void {
    this.fill(packets, bytes)
    const { ring, grants, freePages, freeIds, slotPage } = this
    const { refs } = grants
    const { words, slots, mask } = ring
    const gso = bytes > PAGE
    const firstFlags = XEN_NETTXF_CSUM_BLANK | XEN_NETTXF_DATA_VALIDATED | (gso ? XEN_NETTXF_EXTRA_INFO : 0)
    let { pagesFree, idsFree } = this
    let produced = ring.reqProdPvt
    for (let packet = 0; packet < packets; packet++) {
      for (let done = 0; done < bytes;) {
        const first = done === 0
        const left = bytes - done
        const part = left < PAGE ? left : PAGE
        const page = freePages[--pagesFree]
        const id = freeIds[--idsFree]
        grants.permit(id, page as Page)
        slotPage[id] = page
        done += part
        const flags = (first ? firstFlags : 0) | (done < bytes ? XEN_NETTXF_MORE_DATA : 0)
        // The first request carries the length of the whole packet, all others their own.
        const at = slots + (produced & mask) * XEN_NETIF_TX_SLOT_BYTES
        writeTxRequest(words, at, refs[id], 0, flags, id, first ? bytes : part)
        produced = (produced + 1) >>> 0
        if (first && gso) {
          writeGsoExtra(words, ring.slotOffset(produced), MSS, XEN_NETIF_GSO_TYPE_TCPV4, 0)
          produced = (produced + 1) >>> 0
        }
      }
    }
    this.pagesFree = pagesFree
    this.idsFree = idsFree
    ring.reqProdPvt = produced
    if (ring.pushRequests()) this.notified++
  }

  /** Write the payload of `packets` frames into the pages that will be taken next. */
  private fill(packets: number, bytes: number): void {
    const { engine, freePages } = this
    const to = this.extent.base
    const from = to + this.template.offset
    let { pagesFree } = this
    for (let packet = 0; packet < packets; packet++) {
      for (let done = 0; done < bytes; done += PAGE) {
        const left = bytes - done
        const page = freePages[--pagesFree]
        engine.copy(to + (page << SHIFT), from + done, left < PAGE ? left : PAGE)
      }
    }
  }

  /** Take every answer. */
  complete(): void {
    const { ring, grants, freePages, freeIds, slotPage } = this
    const { words, slots, mask, size } = ring
    const { queue } = grants
    let queued = 0
    const ready = ring.unconsumedResponses()
    if (ready < 0) throw new Error('the response producer overflows')
    let { pagesFree, idsFree } = this
    let consumed = ring.rspCons
    for (let i = 0; i < ready; i++) {
      const response = readTxResponse(words, slots + (consumed & mask) * XEN_NETIF_TX_SLOT_BYTES)
      const status = responseStatus(response)
      consumed = (consumed + 1) >>> 0
      if (status === XEN_NETIF_RSP_NULL) continue
      const id = responseId(response)
      if (id >= size || status !== XEN_NETIF_RSP_OKAY) throw new Error(`response ${id} has status ${status}`)
      queue[queued++] = id
      freePages[pagesFree++] = slotPage[id]
      freeIds[idsFree++] = id
    }
    if (grants.end(queued) !== 0) throw new Error('a grant is still in use')
    this.pagesFree = pagesFree
    this.idsFree = idsFree
    ring.rspCons = consumed
    ring.finalCheckResponses()
  }
}
