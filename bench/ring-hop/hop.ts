import {
  type Arena,
  BackRing,
  COPY_BATCH,
  type Extent,
  extraInfo,
  FrontRing,
  GrantCopyBatch,
  GrantOps,
  GrantTable,
  gsoExtraSize,
  Machine,
  PAGE_SHIFT,
  PAGE_SIZE,
  type Page,
  readExtra,
  readTxRequest,
  readTxResponse,
  responseId,
  responseStatus,
  txRequest,
  writeGsoExtra,
  writeTxRequest,
  writeTxResponse,
  XEN_NETIF_EXTRA_TYPE_GSO,
  XEN_NETIF_GSO_TYPE_TCPV4,
  XEN_NETIF_RSP_ERROR,
  XEN_NETIF_RSP_NULL,
  XEN_NETIF_RSP_OKAY,
  XEN_NETIF_TX_SLOT_BYTES,
  XEN_NETTXF_CSUM_BLANK,
  XEN_NETTXF_DATA_VALIDATED,
  XEN_NETTXF_EXTRA_INFO,
  XEN_NETTXF_MORE_DATA,
} from '@netaccel/xen'

const FRONT = 1
const BACK = 0
const DATA_PAGES = 512
const RING = 256
const BATCH = 32
const MAX_PARTS = 18
const MSS = 1448

/** Eight bytes a step: the payload of a small frame is written faster so than by a call. */
const BLOCK = 8

/**
 * One hop of frames from a guest to the driver domain, and nothing else: write, grant, request; check, copy, answer;
 * take the answer, end the grant. The work of ../reference/ring_hop.c, line by line, on the parts that the drivers are
 * made of.
 */
export class Hop {
  /** Packets a round. */
  readonly batch: number
  /** Pushes after which the peer asked to be woken. */
  notified = 0
  readonly #bytes: number
  readonly #front: Extent
  readonly #grants: GrantTable
  readonly #frontRing: FrontRing
  readonly #backRing: BackRing
  readonly #data: Arena
  readonly #dataWords: Float64Array
  readonly #frontBytes: Uint8Array
  readonly #template: Float64Array
  readonly #templateArena: Arena
  readonly #out: Arena
  readonly #batchOps: GrantCopyBatch
  readonly #freePages = new Int32Array(DATA_PAGES)
  #pagesFree = DATA_PAGES
  readonly #freeIds = new Int32Array(RING)
  #idsFree = RING
  readonly #slotRef = new Int32Array(RING)
  readonly #slotPage = new Int32Array(RING)
  readonly #pendingId = new Int32Array(COPY_BATCH)
  readonly #pendingExtra = new Uint8Array(COPY_BATCH)
  readonly #request = txRequest()
  readonly #parts = Array.from({ length: MAX_PARTS }, txRequest)
  readonly #extra = extraInfo()
  #outNext = 0

  constructor(bytes: number, engine: 'wasm' | 'typescript') {
    const machine = new Machine({ bytes: 8 << 20 })
    const back = machine.createExtent(BACK, DATA_PAGES + 16)
    this.#front = machine.createExtent(FRONT, DATA_PAGES + 48)
    this.#grants = new GrantTable(machine, this.#front)
    const ops = new GrantOps(machine, BACK, { engine })
    const page = this.#front.allocPages(1)
    FrontRing.init(page)
    this.#frontRing = new FrontRing(page, XEN_NETIF_TX_SLOT_BYTES)
    const ringRef = this.#grants.grant(BACK, page.pages[0], 'rw')
    const mapped = ops.map(FRONT, ringRef, 'rw')
    if (typeof mapped === 'number') throw new Error(`the ring cannot be mapped: status ${mapped}`)
    const attached = BackRing.attach(mapped, XEN_NETIF_TX_SLOT_BYTES)
    if (attached === 'impossible') throw new Error('the ring cannot be attached')
    this.#backRing = attached
    this.#data = this.#front.allocPages(DATA_PAGES)
    this.#templateArena = this.#front.allocPages(17)
    this.#frontBytes = this.#front.bytes
    this.#dataWords = new Float64Array(machine.buffer, this.#front.base, this.#front.length >> 3)
    for (let i = 0; i < 17 * PAGE_SIZE; i++) this.#frontBytes[this.#templateArena.offset + i] = i * 7
    this.#template = this.#dataWords.slice(
      this.#templateArena.offset >> 3,
      (this.#templateArena.offset >> 3) + 32,
    )
    this.#out = back.allocPages(DATA_PAGES)
    this.#batchOps = new GrantCopyBatch(ops)
    for (let i = 0; i < DATA_PAGES; i++) this.#freePages[i] = this.#data.pages[DATA_PAGES - 1 - i]
    for (let i = 0; i < RING; i++) this.#freeIds[i] = RING - 1 - i
    const slots = bytes > PAGE_SIZE ? Math.ceil(bytes / PAGE_SIZE) + 1 : 1
    this.batch = Math.min(BATCH, Math.floor(RING / slots))
    this.#bytes = bytes
  }

  /** The first bytes that arrived: for the check that something was copied at all. */
  arrived(): Uint8Array {
    return this.#out.bytes.slice(this.#out.offset, this.#out.offset + Math.min(this.#bytes, PAGE_SIZE))
  }

  sent(): Uint8Array {
    const { offset } = this.#templateArena
    return this.#frontBytes.slice(offset, offset + Math.min(this.#bytes, PAGE_SIZE))
  }

  round(): void {
    this.#send()
    this.#receive()
    this.#complete()
  }

  #send(): void {
    const bytes = this.#bytes
    const ring = this.#frontRing
    const grants = this.#grants
    const gso = bytes > PAGE_SIZE
    for (let p = this.batch; p > 0; p--) {
      let done = 0
      while (done < bytes) {
        const part = bytes - done < PAGE_SIZE ? bytes - done : PAGE_SIZE
        const page = this.#freePages[--this.#pagesFree]
        const ref = grants.tryClaim()
        this.#fill(page << PAGE_SHIFT, done, part)
        grants.permit(ref, BACK, page as Page, true)
        const id = this.#freeIds[--this.#idsFree]
        this.#slotRef[id] = ref
        this.#slotPage[id] = page
        const at = ring.slotOffset(ring.reqProdPvt)
        const first = done === 0
        done += part
        let flags = done < bytes ? XEN_NETTXF_MORE_DATA : 0
        if (first)
          flags |= XEN_NETTXF_CSUM_BLANK | XEN_NETTXF_DATA_VALIDATED | (gso ? XEN_NETTXF_EXTRA_INFO : 0)
        writeTxRequest(ring.page.words, at, ref, 0, flags, id, first ? bytes : part)
        ring.reqProdPvt = (ring.reqProdPvt + 1) >>> 0
        if (first && gso) {
          writeGsoExtra(ring.page.words, ring.slotOffset(ring.reqProdPvt), MSS, XEN_NETIF_GSO_TYPE_TCPV4, 0)
          ring.reqProdPvt = (ring.reqProdPvt + 1) >>> 0
        }
      }
    }
    if (ring.pushRequests()) this.notified++
  }

  /** The guest writes its payload into the page that it is about to grant. */
  #fill(to: number, from: number, length: number): void {
    if (length <= 256) {
      const words = this.#dataWords
      const template = this.#template
      const at = to >> 3
      const count = (length + BLOCK - 1) >> 3
      for (let i = 0; i < count; i++) words[at + i] = template[i]
      return
    }
    const source = this.#templateArena.offset + from
    this.#frontBytes.copyWithin(to, source, source + length)
  }

  #receive(): void {
    const ring = this.#backRing
    const words = ring.page.words
    const request = this.#request
    let ready = ring.unconsumedRequests()
    if (ready < 0) throw new Error('the producer overflows')
    while (ready > 0) {
      readTxRequest(words, ring.slotOffset(ring.reqCons++), request)
      ready--
      let extra = 0
      if ((request.flags & XEN_NETTXF_EXTRA_INFO) !== 0) {
        readExtra(words, ring.slotOffset(ring.reqCons++), this.#extra)
        ready--
        if (this.#extra.type !== XEN_NETIF_EXTRA_TYPE_GSO || gsoExtraSize(this.#extra) === 0)
          throw new Error('extra')
        extra = 1
      }
      let parts = 0
      let first = request.size
      let flags = request.flags
      while ((flags & XEN_NETTXF_MORE_DATA) !== 0) {
        if (ready === 0 || parts >= MAX_PARTS) throw new Error('too many slots')
        const part = this.#parts[parts++]
        readTxRequest(words, ring.slotOffset(ring.reqCons++), part)
        ready--
        if (part.offset + part.size > PAGE_SIZE) throw new Error('a slot crosses its page')
        first -= part.size
        flags = part.flags
      }
      if (request.offset + first > PAGE_SIZE || first < 14) throw new Error('the first slot is bad')
      if (this.#batchOps.count + parts + 1 > COPY_BATCH) this.#flush()
      this.#copyOut(request.gref, request.offset, first, request.id, extra)
      for (let i = 0; i < parts; i++) {
        const part = this.#parts[i]
        this.#copyOut(part.gref, part.offset, part.size, part.id, 0)
      }
    }
    this.#flush()
    ring.reqCons >>>= 0
    if (ring.pushResponses()) this.notified++
    ring.finalCheckRequests()
  }

  #copyOut(gref: number, offset: number, length: number, id: number, extra: number): void {
    const index = this.#batchOps.fromGrant(
      gref,
      FRONT,
      offset,
      this.#out.offset + (this.#outNext << PAGE_SHIFT),
      length,
    )
    this.#pendingId[index] = id
    this.#pendingExtra[index] = extra
    this.#outNext = (this.#outNext + 1) & (DATA_PAGES - 1)
  }

  #flush(): void {
    const batch = this.#batchOps
    const ring = this.#backRing
    const words = ring.page.words
    const count = batch.count
    batch.run()
    for (let i = 0; i < count; i++) {
      const status = batch.status(i) === 0 ? XEN_NETIF_RSP_OKAY : XEN_NETIF_RSP_ERROR
      writeTxResponse(words, ring.slotOffset(ring.rspProdPvt++), this.#pendingId[i], status)
      if (this.#pendingExtra[i] !== 0) {
        writeTxResponse(words, ring.slotOffset(ring.rspProdPvt++), this.#pendingId[i], XEN_NETIF_RSP_NULL)
      }
    }
    ring.rspProdPvt >>>= 0
    batch.reset()
  }

  #complete(): void {
    const ring = this.#frontRing
    const grants = this.#grants
    const words = ring.page.words
    let ready = ring.unconsumedResponses()
    if (ready < 0) throw new Error('the response producer overflows')
    for (; ready > 0; ready--) {
      const word = readTxResponse(words, ring.slotOffset(ring.rspCons++))
      const status = responseStatus(word)
      if (status === XEN_NETIF_RSP_NULL) continue
      const id = responseId(word)
      if (id >= RING || status !== XEN_NETIF_RSP_OKAY) throw new Error(`response ${id} has status ${status}`)
      const ref = this.#slotRef[id]
      if (!grants.tryEnd(ref)) throw new Error(`grant ${ref} is still in use`)
      grants.release(ref)
      this.#freePages[this.#pagesFree++] = this.#slotPage[id]
      this.#freeIds[this.#idsFree++] = id
    }
    ring.rspCons >>>= 0
    ring.finalCheckResponses()
  }
}
