// Shared rings: all index arithmetic, modulo 2^32. Xen public/io/ring.h. Waking the peer is the caller's act.
import { XenError } from './errors.js'
import { isOneThread, storeShared } from './shared-word.js'
import { loadShared } from './store-order.js'
import type { SharedView } from './memory.js'

/** Byte offsets in the ring page; slots follow the 64-byte header. */
export const RING_REQ_PROD = 0
export const RING_REQ_EVENT = 4
export const RING_RSP_PROD = 8
export const RING_RSP_EVENT = 12
export const RING_HEADER_BYTES = 64

const REQ_PROD = RING_REQ_PROD >> 2
const REQ_EVENT = RING_REQ_EVENT >> 2
const RSP_PROD = RING_RSP_PROD >> 2
const RSP_EVENT = RING_RSP_EVENT >> 2

/**
 * Slots of a ring: as many as fit behind the header, rounded down to a power of two. By shifts, since a power made by
 * `**` is a floating-point number to V8 and stays one in every field and sum that it goes into.
 */
export function ringSize(bytes: number, slotSize: number): number {
  const slots = Math.floor((bytes - RING_HEADER_BYTES) / slotSize)
  return slots < 1 ? 0 : 1 << (31 - Math.clz32(slots))
}

/** How far `to` is ahead of `from`, 0 to 2^32 - 1. */
export function ringDistance(to: number, from: number): number {
  return (to - from) >>> 0
}

/** True if moving the producer from `old` to `next` passed the peer's event index: it lies in (old, next]. */
export function passesEvent(next: number, old: number, event: number): boolean {
  return (next - event) >>> 0 < (next - old) >>> 0
}

/**
 * What the two ends share: the page and where its words are. A loop over many slots keeps `words`, `slots` and `mask` in
 * locals: slot `index` then begins at byte `slots + (index & mask) * slotSize`, where `slotSize` is best a constant.
 * `slotOffset` does the same for one slot, and loads three fields and tests an object for it.
 */
class RingPage {
  readonly page: SharedView
  readonly slotSize: number
  /** Slots, a power of two. */
  readonly size: number
  readonly words: Int32Array
  /** Byte offset of the first slot in the page's typed arrays. */
  readonly slots: number
  /** What makes a slot's number of an index: `size - 1`. */
  readonly mask: number
  protected readonly word: number
  /** 1: nobody in another thread sees the page. */
  protected readonly oneThread: number

  constructor(page: SharedView, slotSize: number) {
    this.page = page
    this.slotSize = slotSize
    this.size = ringSize(page.length, slotSize)
    if (this.size === 0 || (page.offset & 3) !== 0 || (slotSize & 3) !== 0)
      throw new XenError(
        'BAD_ARGUMENT',
        `no ring of ${slotSize}-byte slots fits ${page.length} bytes at ${page.offset}`,
      )
    this.words = page.words
    this.word = page.offset >> 2
    this.oneThread = isOneThread(page.words.buffer)
    this.mask = this.size - 1
    this.slots = page.offset + RING_HEADER_BYTES
  }

  /**
   * Byte offset of a slot in the page's typed arrays. Any index will do: it is masked here. (imul and `| 0` spare V8 the
   * tests for overflow and minus zero: half of the cost.)
   */
  slotOffset(index: number): number {
    return (this.slots + Math.imul(index & this.mask, this.slotSize)) | 0
  }
}

/** The front's end: it makes requests and takes responses. */
export class FrontRing extends RingPage {
  /** Requests written, the unpublished included. */
  reqProdPvt: number
  /** Responses taken. */
  rspCons: number
  /** The producer as last published: kept here, since the peer could alter the word in the page. */
  private published: number

  /**
   * Use a page that has been through `init`. `start` is where the indices of an empty ring stand: 0, or another number
   * for a ring taken over or a test near the wrap, which the page must agree with.
   */
  constructor(page: SharedView, slotSize: number, start = 0) {
    super(page, slotSize)
    this.reqProdPvt = start >>> 0
    this.rspCons = start >>> 0
    this.published = start >>> 0
  }

  /** Write a fresh ring page: producers `start` (0), events one above, the rest of the header 0. The front does it, once. */
  static init(page: SharedView, start = 0): void {
    const word = page.offset >> 2
    page.words.fill(0, word, word + (RING_HEADER_BYTES >> 2))
    Atomics.store(page.words, word + REQ_PROD, start)
    Atomics.store(page.words, word + RSP_PROD, start)
    Atomics.store(page.words, word + REQ_EVENT, start + 1)
    Atomics.store(page.words, word + RSP_EVENT, start + 1)
  }

  /** Slots that can take a request. */
  freeRequests(): number {
    return this.size - ((this.reqProdPvt - this.rspCons) >>> 0)
  }

  /** Show the backend every request written so far. True if it asked to be woken for one of them. */
  pushRequests(): boolean {
    const { oneThread, words, word, reqProdPvt } = this
    const old = this.published
    this.published = reqProdPvt
    storeShared(words, word + REQ_PROD, reqProdPvt, oneThread)
    return passesEvent(reqProdPvt, old, loadShared(words, word + REQ_EVENT))
  }

  /** Responses to take; -1 if the backend's producer is one that no honest backend has (more than the ring holds). */
  unconsumedResponses(): number {
    const ready = (loadShared(this.words, this.word + RSP_PROD) - this.rspCons) >>> 0
    return ready > this.size ? -1 : ready
  }

  /**
   * Before sleeping: true if there is something to take. Otherwise asks to be woken for the next response, and looks
   * once more. A lying producer counts as something to take, so that the next look finds the lie.
   */
  finalCheckResponses(): boolean {
    if (this.unconsumedResponses() !== 0) return true
    storeShared(this.words, this.word + RSP_EVENT, this.rspCons + 1, this.oneThread)
    return this.unconsumedResponses() !== 0
  }

  /**
   * Before sleeping, for a transmitter in no hurry: asks to be woken when half of what is outstanding has been answered
   * (mini-os and older Linux netfront). True if responses came in meanwhile.
   */
  finalCheckHalfway(): boolean {
    const outstanding = (this.published - this.rspCons) >>> 0
    storeShared(this.words, this.word + RSP_EVENT, this.rspCons + (outstanding >>> 1) + 1, this.oneThread)
    return this.unconsumedResponses() !== 0
  }
}

/** The back's end: it takes requests and makes responses, in the slots of the requests. */
export class BackRing extends RingPage {
  /** Requests taken. */
  reqCons: number
  /** Responses written, the unpublished included. */
  rspProdPvt: number
  private published: number

  private constructor(page: SharedView, slotSize: number, start: number) {
    super(page, slotSize)
    this.reqCons = start
    this.rspProdPvt = start
    this.published = start
  }

  /**
   * Take up a ring, live or fresh, where its responses end. 'impossible' when more requests stand in it than it has
   * slots: refuse to connect.
   */
  static attach(page: SharedView, slotSize: number): BackRing | 'impossible' {
    const word = page.offset >> 2
    const rspProd = loadShared(page.words, word + RSP_PROD) >>> 0
    const reqProd = loadShared(page.words, word + REQ_PROD) >>> 0
    const ring = new BackRing(page, slotSize, rspProd)
    return ringDistance(reqProd, rspProd) > ring.size ? 'impossible' : ring
  }

  /**
   * Requests to take, never more than slots that await an answer allow; -1 if the frontend's producer is one that no
   * honest frontend has.
   */
  unconsumedRequests(): number {
    const reqProd = loadShared(this.words, this.word + REQ_PROD)
    const { reqCons, rspProdPvt, size } = this
    if ((reqProd - rspProdPvt) >>> 0 > size) return -1
    const ready = (reqProd - reqCons) >>> 0
    const room = size - ((reqCons - rspProdPvt) >>> 0)
    return ready < room ? ready : room
  }

  /** Show the frontend every response written so far. True if it asked to be woken for one of them. */
  pushResponses(): boolean {
    const { oneThread, words, word, rspProdPvt } = this
    const old = this.published
    this.published = rspProdPvt
    storeShared(words, word + RSP_PROD, rspProdPvt, oneThread)
    return passesEvent(rspProdPvt, old, loadShared(words, word + RSP_EVENT))
  }

  /**
   * True if the frontend has shown that it has taken every response before `index`: it asks to be woken for a later one, or
   * has put a request into a slot that held a later one. A frontend that is busy and posts little may have taken more than
   * it shows, and one that asks for an event far ahead has shown too much: its own order is all that hangs on this.
   */
  responsesTaken(index: number): boolean {
    const asked = (loadShared(this.words, this.word + RSP_EVENT) - 1 - index) | 0
    return asked >= 0 || ((loadShared(this.words, this.word + REQ_PROD) - this.size - index) | 0) >= 0
  }

  /** Before sleeping: as `FrontRing.finalCheckResponses`. */
  finalCheckRequests(): boolean {
    if (this.unconsumedRequests() !== 0) return true
    storeShared(this.words, this.word + REQ_EVENT, this.reqCons + 1, this.oneThread)
    return this.unconsumedRequests() !== 0
  }

  /**
   * True if at least `needed` requests stand ready. Otherwise asks to be woken for the next one, looking again until the
   * producer stands still, so that none is missed (Linux netback's receive path). At most a ring's worth of looks: a
   * frontend that moves its producer for ever gets false. A lying producer gives false; `unconsumedRequests` tells.
   */
  requestsAtLeast(needed: number): boolean {
    const { oneThread, words, word } = this
    for (let look = 0; look < this.size; look++) {
      const ready = this.unconsumedRequests()
      if (ready >= needed) return true
      if (ready < 0) return false
      const producer = loadShared(words, word + REQ_PROD)
      storeShared(words, word + REQ_EVENT, producer + 1, oneThread)
      if (loadShared(words, word + REQ_PROD) === producer) return this.unconsumedRequests() >= needed
    }
    return false
  }
}
