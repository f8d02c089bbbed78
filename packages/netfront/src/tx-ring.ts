// Stage 3s of a frame's way out: the frontend's half of the TX ring.
import type { Frame } from '@netaccel/packet'
import { copyBytes } from '@netaccel/packet'
import type { FrontRing, Page, RingGrants, Work } from '@netaccel/xen'
import {
  XEN_NETIF_GSO_TYPE_TCPV4,
  XEN_NETIF_GSO_TYPE_TCPV6,
  XEN_NETIF_RSP_NULL,
  XEN_NETIF_RSP_OKAY,
  XEN_NETTXF_CSUM_BLANK,
  XEN_NETTXF_DATA_VALIDATED,
  XEN_NETTXF_EXTRA_INFO,
  XEN_NETTXF_MORE_DATA,
  readTxResponse,
  responseId,
  responseStatus,
  writeGsoExtra,
  writeTxRequest,
} from '@netaccel/xen/netif'
import type { QueueCounters } from './counters.js'
import type { Quarantine } from './quarantine.js'
import type { TxPool } from './tx-pool.js'

const PAGE = 4096
const NONE = 0xffff

/** Where an id stands: nowhere, in the ring, answered in the batch that is being reaped. */
const FREE = 0
const OUT = 1
const ANSWERED = 2

/** Most data slots of one packet that every backend takes (XEN_NETIF_NR_SLOTS_MIN), and most bytes. */
export const MAX_SLOTS = 18
export const MAX_LENGTH = 0xffff
/** A frame's first slot must hold the Ethernet header, or netback refuses the packet. */
const LEAST_HEAD = 14

/** The ring, and what it needs to know of the two domains. */
export interface TxRingParts {
  readonly ring: FrontRing
  /** One reference per slot. */
  readonly grants: RingGrants
  readonly pool: TxPool
  readonly counters: QueueCounters
  readonly work: Work
  /** The backend takes packets of more than one slot. */
  readonly sg: boolean
}

/**
 * What the backend did that no backend may do. Any of these breaks the device: nothing more is sent or received until
 * a new backend connects (XSA-376).
 */
export type TxFault =
  | 'response overflow'
  | 'response with an unknown id'
  | 'response while the page is in use'

/**
 * Frames in the TX ring. Each data slot has an id of its own (also the number of its grant reference); the ids of one
 * frame point to its first, and the frame is released when all have been answered.
 */
export class TxRing {
  readonly ring: FrontRing
  /** Called with a frame that has been answered, before its release; null if nobody asks. */
  answered: ((frame: Frame) => void) | null
  private readonly parts: TxRingParts
  private readonly mask: number
  private readonly frames: (Frame | null)[]
  /** By id: the next free id; the frame's first id while outstanding; slots of the frame not answered (first id). */
  private readonly link: Uint16Array
  private readonly head: Uint16Array
  private readonly pending: Uint8Array
  private readonly outstanding: Uint8Array
  /** Responses of the batch that is being reaped. */
  private readonly answers: Int32Array
  private freeId: number
  private idsOut: number
  private idsFree: number
  private framesOut: number

  constructor(parts: TxRingParts) {
    const size = parts.ring.size
    this.parts = parts
    this.ring = parts.ring
    this.answered = null
    this.mask = size - 1
    this.frames = Array.from({ length: size }, () => null)
    this.link = new Uint16Array(size)
    for (let id = 0; id < size; id++) this.link[id] = id + 1 < size ? id + 1 : NONE
    this.head = new Uint16Array(size)
    this.pending = new Uint8Array(size)
    this.outstanding = new Uint8Array(size)
    this.answers = new Int32Array(size)
    this.freeId = 0
    this.idsOut = 0
    this.idsFree = size
    this.framesOut = 0
  }

  /** Frames written and not answered. */
  get framesOutstanding(): number {
    return this.framesOut
  }

  /** Look at each frame written and not answered. Not for the frame path. */
  eachOutstanding(look: (frame: Frame) => void): void {
    for (const frame of this.frames) if (frame !== null) look(frame)
  }

  /** Room for any legal frame: Linux stops the queue when fewer slots than MAX_SLOTS + 1 are left. */
  get roomy(): boolean {
    return this.ring.freeRequests() > MAX_SLOTS && this.idsFree > MAX_SLOTS
  }

  /**
   * Write one frame. True: it is the ring's until answered, or it was dropped and counted. False: no room, it stays
   * the caller's.
   */
  send(given: Frame): boolean {
    const { ring, counters, sg } = this.parts
    let frame = given
    const length = frame.length
    if (length < LEAST_HEAD || length > MAX_LENGTH) return this.drop(frame, 'netfront_tx_too_long')
    let slots = ((frame.offset & (PAGE - 1)) + length + PAGE - 1) >>> 12
    const extras = frame.gsoSize === 0 ? 0 : 1
    if (ring.freeRequests() < slots + extras + 1 || this.idsFree < slots + 1) return false
    if (
      (frame.offset & (PAGE - 1)) > PAGE - LEAST_HEAD ||
      frame.bytes !== this.parts.pool.small.arena.bytes ||
      (slots > 1 && !sg)
    ) {
      const copy = this.bounce(frame)
      if (copy === null) return this.drop(frame, 'netfront_tx_no_frame')
      frame = copy
      slots = (length + PAGE - 1) >>> 12
    }
    if (slots > MAX_SLOTS || (slots > 1 && !sg)) return this.drop(frame, 'netfront_tx_too_many_slots')
    counters.tx_packets++
    counters.tx_bytes += length
    counters.tx_segments += frame.segments
    this.write(frame, slots, extras)
    return true
  }

  private write(frame: Frame, slots: number, extras: number): void {
    const { ring, grants } = this.parts
    const { refs } = grants
    const words = ring.page.words
    const first = this.freeId
    const length = frame.length
    let produced = ring.reqProdPvt
    let id = first
    let at = frame.offset
    let left = length
    let flags = 0
    if (frame.checksum === 'blank') flags = XEN_NETTXF_CSUM_BLANK | XEN_NETTXF_DATA_VALIDATED
    else if (frame.checksum === 'verified') flags = XEN_NETTXF_DATA_VALIDATED
    if (extras !== 0) flags |= XEN_NETTXF_EXTRA_INFO
    for (let slot = 0; slot < slots; slot++) {
      const within = at & (PAGE - 1)
      const room = PAGE - within
      const size = left < room ? left : room
      grants.permit(id, (at >>> 12) as Page)
      this.outstanding[id] = OUT
      this.head[id] = first
      const more = slot + 1 < slots ? XEN_NETTXF_MORE_DATA : 0
      // The first request carries the length of the whole packet, all others their own.
      writeTxRequest(
        words,
        ring.slotOffset(produced),
        refs[id],
        within,
        flags | more,
        id,
        slot === 0 ? length : size,
      )
      produced = (produced + 1) >>> 0
      if (slot === 0 && extras !== 0) {
        const type = frame.gsoType === 'tcpv4' ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_TCPV6
        writeGsoExtra(words, ring.slotOffset(produced), frame.gsoSize, type, 0)
        produced = (produced + 1) >>> 0
      }
      flags = 0
      at += size
      left -= size
      id = this.link[id]
    }
    this.freeId = id
    this.frames[first] = frame
    this.pending[first] = slots
    this.idsOut += slots
    this.idsFree -= slots
    this.framesOut++
    ring.reqProdPvt = produced
    const work = this.parts.work
    work.frames++
    work.slots += slots + extras
    work.grantOps += slots
  }

  /** Take all responses that are there. Returns what the backend did wrong, or null. */
  reap(): TxFault | null {
    const ring = this.ring
    const words = ring.page.words
    const count = ring.unconsumedResponses()
    const outstanding = (ring.reqProdPvt - ring.rspCons) >>> 0
    if (count < 0 || count > outstanding) return 'response overflow'
    let cons = ring.rspCons
    let fault: TxFault | null = null
    for (let i = 0; i < count && fault === null; i++) {
      const response = readTxResponse(words, ring.slotOffset(cons))
      cons = (cons + 1) >>> 0
      // The slot of an extra info is answered with NULL and an id that nobody wrote.
      if (responseStatus(response) !== XEN_NETIF_RSP_NULL) fault = this.answer(response)
    }
    ring.rspCons = cons
    fault = this.endAnswered() ?? fault
    this.parts.work.slots += count
    // NULL for a slot that carried data would keep its id for ever: fewer slots in flight than ids shows it.
    if (fault === null && this.idsOut > outstanding - count) fault = 'response with an unknown id'
    return fault
  }

  /** An answer: its grant will be ended with those of the others, and only then is anything given back. */
  private answer(response: number): TxFault | null {
    const id = responseId(response)
    // Also one that has been answered in this very batch.
    if (id > this.mask || this.outstanding[id] !== OUT) return 'response with an unknown id'
    const { grants } = this.parts
    this.outstanding[id] = ANSWERED
    this.answers[grants.queued] = response
    grants.queueEnd(id)
    return null
  }

  /** End the grants of all that was answered, and complete what has ended. */
  private endAnswered(): TxFault | null {
    const { grants, work } = this.parts
    const count = grants.queued
    if (count === 0) return null
    const inUse = grants.end()
    grants.reset()
    work.grantOps += count
    for (let i = 0; i < count; i++) {
      const response = this.answers[i]
      const id = responseId(response)
      if (inUse === 0 || grants.ended(i)) this.complete(id, responseStatus(response))
      else this.outstanding[id] = OUT
    }
    return inUse === 0 ? null : 'response while the page is in use'
  }

  private complete(id: number, status: number): void {
    const { counters } = this.parts
    this.outstanding[id] = FREE
    this.idsOut--
    const first = this.head[id]
    // The first id stands for the frame until all of it is answered, in whatever order: given back any earlier, another
    // frame would be written over this one.
    if (id !== first) this.freeOne(id)
    // A frame is counted once, by the last of its slots; any slot may tell of the error.
    if (status !== XEN_NETIF_RSP_OKAY && this.pending[first] !== 0) counters.tx_errors++
    const left = this.pending[first] - 1
    this.pending[first] = left
    if (left === 0) this.finish(first)
  }

  private freeOne(id: number): void {
    this.link[id] = this.freeId
    this.freeId = id
    this.idsFree++
  }

  private finish(first: number): void {
    const frame = this.frames[first]
    this.frames[first] = null
    this.framesOut--
    this.freeOne(first)
    if (frame === null) return
    if (this.answered !== null) this.answered(frame)
    frame.release()
  }

  /**
   * The connection is over: give back every frame still in the ring, counted as lost with it. A frame of which the
   * backend still uses a page waits in the quarantine, with its references, and is released when they have ended.
   */
  disconnect(quarantine: Quarantine): void {
    const { grants, counters } = this.parts
    for (let id = 0; id <= this.mask; id++) {
      if (this.outstanding[id] === FREE || !grants.tryEnd(id)) continue
      this.outstanding[id] = FREE
      this.pending[this.head[id]]--
    }
    const answered = this.answered
    this.answered = null
    for (let first = 0; first <= this.mask; first++) {
      const frame = this.frames[first]
      if (frame === null) continue
      counters.dropped.count('netfront_tx_disconnected', frame.segments, frame.length)
      if (answered !== null) answered(frame)
      if (this.pending[first] === 0) this.finish(first)
    }
    for (let id = 0; id <= this.mask; id++) {
      if (this.outstanding[id] === OUT) quarantine.add(grants.refs[id], () => this.ended(this.head[id]))
    }
  }

  /** True if the reference of a slot is in quarantine, which gives it back. */
  refInUse(id: number): boolean {
    return this.outstanding[id] === OUT
  }

  private ended(first: number): void {
    if (--this.pending[first] === 0) this.finish(first)
  }

  /** Copy a frame that cannot be granted where it lies: into whole pages of our own. Releases the original. */
  private bounce(frame: Frame): Frame | null {
    const copy = this.parts.pool.take(frame.length)
    if (copy === undefined) return null
    copy.length = frame.length
    copy.describeAs(frame)
    copyBytes(copy.words, copy.offset, frame.words, frame.offset, frame.length)
    this.parts.counters.tx_bounced++
    this.parts.work.bytesCopied += frame.length
    frame.release()
    return copy
  }

  private drop(
    frame: Frame,
    reason: 'netfront_tx_too_long' | 'netfront_tx_too_many_slots' | 'netfront_tx_no_frame',
  ): true {
    this.parts.counters.dropped.count(reason, frame.segments, frame.length)
    frame.release()
    return true
  }
}
