import {
  type Arena,
  BackRing,
  copyEngine,
  type CopyEngine,
  type Extent,
  FrontRing,
  GrantOps,
  GrantTable,
  Machine,
  MappedPage,
} from '@netaccel/xen'
import { copyBytes, type WordView, wordsOf } from '@netaccel/packet'
import {
  readTxResponse,
  responseId,
  responseStatus,
  txFlags,
  txId,
  txOffset,
  txSize,
  writeTxRequest,
  writeTxResponse,
  XEN_NETIF_RSP_OKAY,
  XEN_NETIF_TX_SLOT_BYTES,
  XEN_NETTXF_CSUM_BLANK,
  XEN_NETTXF_DATA_VALIDATED,
  XEN_NETTXF_EXTRA_INFO,
  XEN_NETTXF_MORE_DATA,
} from '@netaccel/xen/netif'
import { LEAST_HEAD, OUT_PAGES, PAGE, SHIFT } from './sizes.js'

const FRONT = 1
const BACK = 0
const BATCH = 32
const PAGES = 256
const FLAGS = XEN_NETTXF_CSUM_BLANK | XEN_NETTXF_DATA_VALIDATED
/** As netback's lane for static grants: a loop over words below this, a call into the copy engine above. */
const WORDS_BELOW = 256

/**
 * The {@link Hop} of frames of one slot, with pages that the driver domain keeps mapped: write, request; check, copy, answer;
 * take the answer. Nothing is granted and nothing ended.
 */
export class PremappedHop {
  readonly batch = BATCH
  private readonly bytes: number
  private readonly engine: CopyEngine
  private readonly front: FrontRing
  private readonly back: BackRing
  private readonly frontExtent: Extent
  private readonly data: Arena
  private readonly template: Arena
  private readonly refs: Int32Array
  private readonly free: Int32Array
  private freeCount: number
  /** Machine byte offset of each reference's page. */
  private readonly place = new Int32Array(1024)
  private readonly memory: WordView
  private readonly out: Arena
  private readonly outBase: number
  private outNext = 0

  constructor(bytes: number) {
    const machine = new Machine({ bytes: 8 << 20 })
    const backExtent = machine.createExtent(BACK, OUT_PAGES + 48)
    const extent = machine.createExtent(FRONT, PAGES + 48)
    const grants = new GrantTable(machine, extent)
    const ops = new GrantOps(machine, BACK)
    const page = extent.allocPages(1)
    FrontRing.init(page)
    const ringPage = ops.map(FRONT, grants.grant(BACK, page.pages[0], 'rw'), 'rw')
    this.data = extent.allocPages(PAGES)
    const refs = this.data.pages.map((each) => grants.grant(BACK, each, 'ro'))
    for (const ref of refs) {
      const mapped = ops.map(FRONT, ref, 'ro')
      if (!(mapped instanceof MappedPage)) throw new Error(`a page cannot be mapped: status ${mapped}`)
      this.place[ref] = mapped.hostAddr
    }
    if (!(ringPage instanceof MappedPage)) throw new Error(`the ring cannot be mapped: status ${ringPage}`)
    const back = BackRing.attach(ringPage, XEN_NETIF_TX_SLOT_BYTES)
    if (back === 'impossible') throw new Error('the ring cannot be attached')
    this.back = back
    this.front = new FrontRing(page, XEN_NETIF_TX_SLOT_BYTES)
    this.engine = copyEngine(machine)
    this.bytes = bytes
    this.frontExtent = extent
    this.refs = Int32Array.from(refs)
    this.free = Int32Array.from({ length: PAGES }, (_, i) => i)
    this.freeCount = PAGES
    this.memory = wordsOf(new Uint8Array(machine.buffer))
    this.out = backExtent.allocPages(OUT_PAGES)
    this.outBase = backExtent.base
    this.template = extent.allocPages(1)
    for (let i = 0; i < PAGE; i++) extent.bytes[this.template.offset + i] = i * 7
  }

  round(): void {
    this.send()
    this.receive()
    this.complete()
  }

  /** Throws if what arrived is not what was sent. */
  check(): void {
    const { bytes, frontExtent, out, template } = this
    const sent = frontExtent.bytes.slice(template.offset, template.offset + bytes)
    if (Buffer.compare(out.bytes.slice(out.offset, out.offset + bytes), sent) !== 0)
      throw new Error('what arrived is not what was sent')
  }

  private send(): void {
    const { bytes, data, engine, free, front, refs, template } = this
    const { words, slots, mask } = front
    const { base } = this.frontExtent
    let { freeCount } = this
    let produced = front.reqProdPvt
    for (let i = 0; i < BATCH; i++) {
      const id = free[--freeCount]
      engine.copy(base + data.offset + (id << SHIFT), base + template.offset, bytes)
      const at = slots + (produced & mask) * XEN_NETIF_TX_SLOT_BYTES
      writeTxRequest(words, at, refs[id], 0, FLAGS, id, bytes)
      produced = (produced + 1) >>> 0
    }
    this.freeCount = freeCount
    front.reqProdPvt = produced
    front.pushRequests()
  }

  private receive(): void {
    const { back, engine, memory, out, outBase, place } = this
    const { words, slots, mask } = back
    const ready = back.unconsumedRequests()
    if (ready < 0) throw new Error('the producer overflows')
    const from = back.reqCons
    let { outNext } = this
    for (let i = 0; i < ready; i++) {
      const slot = slots + ((from + i) & mask) * XEN_NETIF_TX_SLOT_BYTES
      const at = slot >> 2
      const ref = words[at] >>> 0
      const second = words[at + 1]
      const third = words[at + 2]
      const size = txSize(third)
      const offset = txOffset(second)
      if ((txFlags(second) & (XEN_NETTXF_EXTRA_INFO | XEN_NETTXF_MORE_DATA)) !== 0)
        throw new Error('more slots')
      if (offset + size > PAGE || size < LEAST_HEAD || ref >= place.length || place[ref] === 0)
        throw new Error('the slot is bad')
      const to = out.offset + (outNext << SHIFT)
      if (size < WORDS_BELOW) copyBytes(memory, outBase + to, memory, place[ref] + offset, size)
      else engine.copy(outBase + to, place[ref] + offset, size)
      outNext = (outNext + 1) & (OUT_PAGES - 1)
      writeTxResponse(words, slot, txId(third), XEN_NETIF_RSP_OKAY)
    }
    this.outNext = outNext
    back.reqCons = (from + ready) >>> 0
    back.rspProdPvt = back.reqCons
    back.pushResponses()
    back.finalCheckRequests()
  }

  private complete(): void {
    const { free, front } = this
    const { words, slots, mask, size } = front
    const ready = front.unconsumedResponses()
    if (ready < 0) throw new Error('the response producer overflows')
    let { freeCount } = this
    let consumed = front.rspCons
    for (let i = 0; i < ready; i++) {
      const response = readTxResponse(words, slots + (consumed & mask) * XEN_NETIF_TX_SLOT_BYTES)
      consumed = (consumed + 1) >>> 0
      const id = responseId(response)
      if (id >= size || responseStatus(response) !== XEN_NETIF_RSP_OKAY)
        throw new Error(`response ${id} is bad`)
      free[freeCount++] = id
    }
    this.freeCount = freeCount
    front.rspCons = consumed
    front.finalCheckResponses()
  }
}
