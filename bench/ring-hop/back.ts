import {
  type Arena,
  type BackRing,
  COPY_BATCH,
  type Extent,
  GrantCopyBatch,
  type GrantOps,
  PAGE_SHIFT,
  PAGE_SIZE,
} from '@netaccel/xen'
import {
  extraInfo,
  gsoExtraSize,
  readExtra,
  readTxRequest,
  txFlags,
  txId,
  txOffset,
  txRequest,
  txSize,
  unpackTxRequest,
  writeTxResponse,
  XEN_NETIF_EXTRA_TYPE_GSO,
  XEN_NETIF_NR_SLOTS_MIN,
  XEN_NETIF_RSP_ERROR,
  XEN_NETIF_RSP_NULL,
  XEN_NETIF_RSP_OKAY,
  XEN_NETTXF_EXTRA_INFO,
  XEN_NETTXF_MORE_DATA,
} from '@netaccel/xen/netif'
import { LEAST_HEAD, OUT_PAGES, WITH_EXTRA } from './sizes.js'

/** The driver domain's end of the hop: copies requests out, checks the copies, has the payload copied, answers. */
export class Back {
  /** Pushes after which the guest asked to be woken. */
  notified = 0
  private readonly ring: BackRing
  private readonly guest: number
  private readonly batch: GrantCopyBatch
  private readonly out: Arena
  /** By operation: the id to answer, and whether an extra is to be answered with it. */
  private readonly ids = new Int32Array(COPY_BATCH)
  private readonly request = txRequest()
  private readonly parts = Array.from({ length: XEN_NETIF_NR_SLOTS_MIN }, txRequest)
  private readonly extra = extraInfo()
  private outNext = 0

  constructor(extent: Extent, ops: GrantOps, ring: BackRing, guest: number) {
    this.ring = ring
    this.guest = guest
    this.batch = new GrantCopyBatch(ops)
    this.out = extent.allocPages(OUT_PAGES)
  }

  /** The first bytes that arrived. */
  arrived(length: number): Uint8Array {
    return this.out.bytes.slice(this.out.offset, this.out.offset + length)
  }

  /** Take every request. */
  receive(): void {
    const { ring, batch } = this
    const { words } = ring.page
    let ready = ring.unconsumedRequests()
    if (ready < 0) throw new Error('the producer overflows')
    let consumed = ring.reqCons
    while (ready > 0) {
      const at = ring.slotOffset(consumed) >> 2
      const gref = words[at]
      const second = words[at + 1]
      const third = words[at + 2]
      let used = 1
      if ((txFlags(second) & (XEN_NETTXF_EXTRA_INFO | XEN_NETTXF_MORE_DATA)) === 0) {
        const offset = txOffset(second)
        const size = txSize(third)
        if (offset + size > PAGE_SIZE || size < LEAST_HEAD) throw new Error('the slot is bad')
        if (batch.count === COPY_BATCH) this.flush()
        this.copyOut(gref, offset, size, txId(third))
      } else {
        unpackTxRequest(gref, second, third, this.request)
        used = this.receiveMany(consumed, ready)
      }
      consumed = (consumed + used) >>> 0
      ready -= used
    }
    ring.reqCons = consumed
    this.flush()
    if (ring.pushResponses()) this.notified++
    ring.finalCheckRequests()
  }

  /** A packet whose first request has been read, and says that there are more slots. Returns how many. */
  private receiveMany(from: number, ready: number): number {
    const { ring, request, parts, extra, batch } = this
    const { words } = ring.page
    let used = 1
    if ((request.flags & XEN_NETTXF_EXTRA_INFO) !== 0) {
      readExtra(words, ring.slotOffset(from + used++), extra)
      if (extra.type !== XEN_NETIF_EXTRA_TYPE_GSO || gsoExtraSize(extra) === 0) throw new Error('bad extra')
    }
    const head = used
    let first = request.size
    for (let { flags } = request; (flags & XEN_NETTXF_MORE_DATA) !== 0;) {
      if (used === ready || used - head === XEN_NETIF_NR_SLOTS_MIN) throw new Error('too many slots')
      const part = parts[used - head]
      readTxRequest(words, ring.slotOffset(from + used++), part)
      if (part.offset + part.size > PAGE_SIZE) throw new Error('a slot crosses its page')
      first -= part.size
      flags = part.flags
    }
    if (request.offset + first > PAGE_SIZE || first < LEAST_HEAD) throw new Error('the first slot is bad')
    if (batch.count + 1 + used - head > COPY_BATCH) this.flush()
    this.copyOut(request.gref, request.offset, first, head === 1 ? request.id : request.id | WITH_EXTRA)
    for (let i = 0; i < used - head; i++) {
      const part = parts[i]
      this.copyOut(part.gref, part.offset, part.size, part.id)
    }
    return used
  }

  private copyOut(gref: number, offset: number, length: number, id: number): void {
    const { batch, out, outNext } = this
    this.ids[batch.count] = id
    batch.fromGrant(gref, this.guest, offset, out.offset + (outNext << PAGE_SHIFT), length)
    this.outNext = (outNext + 1) & (OUT_PAGES - 1)
  }

  /** Have the payload copied, and write the answers. */
  private flush(): void {
    const { batch, ring, ids } = this
    const { words } = ring.page
    const { count } = batch
    const failed = batch.run()
    let produced = ring.rspProdPvt
    for (let i = 0; i < count; i++) {
      const id = ids[i]
      const status = failed === 0 || batch.status(i) === 0 ? XEN_NETIF_RSP_OKAY : XEN_NETIF_RSP_ERROR
      writeTxResponse(words, ring.slotOffset(produced), id, status)
      produced = (produced + 1) >>> 0
      if ((id & WITH_EXTRA) !== 0) {
        writeTxResponse(words, ring.slotOffset(produced), id, XEN_NETIF_RSP_NULL)
        produced = (produced + 1) >>> 0
      }
    }
    ring.rspProdPvt = produced
    batch.reset()
  }
}
