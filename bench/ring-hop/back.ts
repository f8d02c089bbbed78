import { type Arena, type BackRing, type Extent, GrantCopyBatch, type GrantOps } from '@netaccel/xen'
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
  XEN_NETIF_TX_SLOT_BYTES,
  XEN_NETTXF_EXTRA_INFO,
  XEN_NETTXF_MORE_DATA,
} from '@netaccel/xen/netif'
import { BATCH_OPS, LEAST_HEAD, OUT_PAGES, PAGE, SHIFT, WITH_EXTRA } from './sizes.js'

/** The driver domain's end of the hop: copies requests out, checks the copies, has the payload copied, answers. */
export class Back {
  /** Pushes after which the guest asked to be woken. */
  notified = 0
  private readonly ring: BackRing
  private readonly guest: number
  private readonly batch: GrantCopyBatch
  private readonly out: Arena
  /** By operation: the id to answer, and whether an extra is to be answered with it. */
  private readonly ids = new Int32Array(BATCH_OPS)
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
    let ready = ring.unconsumedRequests()
    if (ready < 0) throw new Error('the producer overflows')
    while (ready > 0) {
      const taken = this.receiveRun(ready)
      ready -= taken
      if (batch.count === BATCH_OPS) this.flush()
      else if (ready > 0) ready -= this.receiveMany(ready)
    }
    this.flush()
    if (ring.pushResponses()) this.notified++
    ring.finalCheckRequests()
  }

  /** Packets of one slot, up to one that has more, or to the end of the batch. Returns how many. */
  private receiveRun(ready: number): number {
    const { ring, batch, ids, guest } = this
    const { words, slots, mask, reqCons } = ring
    const out = this.out.offset
    const before = batch.count
    const end = before + ready < BATCH_OPS ? before + ready : BATCH_OPS
    let { outNext } = this
    let count = before
    for (; count < end; count++) {
      const at = (slots + ((reqCons + count - before) & mask) * XEN_NETIF_TX_SLOT_BYTES) >> 2
      const gref = words[at]
      const second = words[at + 1]
      const third = words[at + 2]
      if ((txFlags(second) & (XEN_NETTXF_EXTRA_INFO | XEN_NETTXF_MORE_DATA)) !== 0) {
        unpackTxRequest(gref, second, third, this.request)
        break
      }
      const offset = txOffset(second)
      const size = txSize(third)
      if (offset + size > PAGE || size < LEAST_HEAD) throw new Error('the slot is bad')
      ids[count] = txId(third)
      batch.setFromGrant(count, gref, guest, offset, out + (outNext << SHIFT), size)
      outNext = (outNext + 1) & (OUT_PAGES - 1)
    }
    batch.count = count
    this.outNext = outNext
    ring.reqCons = (reqCons + count - before) >>> 0
    return count - before
  }

  /** A packet whose first request has been read, and says that there are more slots. Returns how many. */
  private receiveMany(ready: number): number {
    const { ring, request, parts, extra, batch } = this
    const { words, reqCons: from } = ring
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
      if (part.offset + part.size > PAGE) throw new Error('a slot crosses its page')
      first -= part.size
      flags = part.flags
    }
    if (request.offset + first > PAGE || first < LEAST_HEAD) throw new Error('the first slot is bad')
    if (batch.count + 1 + used - head > BATCH_OPS) this.flush()
    this.copyOut(request.gref, request.offset, first, head === 1 ? request.id : request.id | WITH_EXTRA)
    for (let i = 0; i < used - head; i++) {
      const part = parts[i]
      this.copyOut(part.gref, part.offset, part.size, part.id)
    }
    ring.reqCons = (from + used) >>> 0
    return used
  }

  private copyOut(gref: number, offset: number, length: number, id: number): void {
    const { batch, out, outNext } = this
    this.ids[batch.count] = id
    batch.fromGrant(gref, this.guest, offset, out.offset + (outNext << SHIFT), length)
    this.outNext = (outNext + 1) & (OUT_PAGES - 1)
  }

  /** Have the payload copied, and write the answers. */
  private flush(): void {
    const { batch, ring, ids } = this
    const { words, slots, mask } = ring
    const { count } = batch
    const failed = batch.run()
    let produced = ring.rspProdPvt
    for (let i = 0; i < count; i++) {
      const id = ids[i]
      const status = failed === 0 || batch.status(i) === 0 ? XEN_NETIF_RSP_OKAY : XEN_NETIF_RSP_ERROR
      writeTxResponse(words, slots + (produced & mask) * XEN_NETIF_TX_SLOT_BYTES, id, status)
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
