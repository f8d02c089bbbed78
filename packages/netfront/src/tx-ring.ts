// Stage 3s of a frame's way out: the frontend's half of the TX ring.
import type { Frame } from '@netaccel/packet'
import { copyBytes } from '@netaccel/packet'
import type { FrontRing, Page, RingGrants, Work } from '@netaccel/xen'
import {
  XEN_NETIF_GSO_TYPE_TCPV4,
  XEN_NETIF_GSO_TYPE_TCPV6,
  XEN_NETIF_TX_SLOT_BYTES,
  XEN_NETTXF_EXTRA_INFO,
  XEN_NETTXF_MORE_DATA,
  writeGsoExtra,
  writeTxRequest,
} from '@netaccel/xen/netif'
import type { BouncePool } from './bounce-pool.js'
import type { QueueCounters } from './counters.js'
import type { FastPath } from './fast-path.js'
import type { Quarantine } from './quarantine.js'
import { TxAnswers } from './tx-answers.js'
import type { TxFault } from './tx-answers.js'
import type { StaticRefs } from './control/static-grants.js'
import { checksumFlags, isPlain, LEAST_HEAD } from './tx-plain.js'
import { sendStatic } from './tx-static.js'
import type { TxPool } from './tx-pool.js'
import { FREE, nextOf, onlyWord, OUT, TxSlots } from './tx-slots.js'

const PAGE = 4096

/** Most data slots of one packet that every backend takes (XEN_NETIF_NR_SLOTS_MIN), and most bytes. */
export const MAX_SLOTS = 18
export const MAX_LENGTH = 0xffff
/** What a backend that is not trusted is granted: nothing of the stack's. */
const NOTHING = new Uint8Array(0)

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
  /** For a backend that is not trusted: all that it is granted lies here. Null: frames are granted where they lie. */
  readonly bounce: BouncePool | null
}

/**
 * Frames in the TX ring: a grant and a request for each of their slots. A frame is released when all of its slots have
 * been answered.
 */
export class TxRing {
  readonly ring: FrontRing
  private readonly parts: TxRingParts
  private readonly slots: TxSlots
  private readonly answers: TxAnswers
  /** The memory that the backend can be granted: a frame anywhere else is copied first. */
  private readonly memory: Uint8Array
  /** Pages that the backend keeps mapped; null: none. */
  statics: StaticRefs | null
  /** A burst of one. */
  private readonly single: Frame[]

  constructor(parts: TxRingParts) {
    this.parts = parts
    this.ring = parts.ring
    this.slots = new TxSlots(parts.ring.size)
    this.answers = new TxAnswers(parts.ring, parts.grants, this.slots, parts.counters, parts.work)
    this.memory = parts.bounce === null ? parts.pool.small.arena.bytes : NOTHING
    this.statics = null
    this.single = []
  }

  /** Frames written and not answered. */
  get framesOutstanding(): number {
    return this.slots.framesOut
  }

  /** Look at each frame written and not answered. Not for the frame path. */
  eachOutstanding(look: (frame: Frame) => void): void {
    for (const frame of this.slots.frames) if (frame !== null) look(frame)
  }

  /** Room for any legal frame: Linux stops the queue when 237 of 256 slots are taken. */
  get roomy(): boolean {
    const { bounce } = this.parts
    return this.room > 0 && (bounce === null || bounce.ready)
  }

  /** Slots that can be taken before the queue is stopped. */
  private get room(): number {
    const requests = this.ring.freeRequests()
    const ids = this.slots.idsFree
    return (requests < ids ? requests : ids) - (MAX_SLOTS + 1)
  }

  /**
   * The fast lane of {@link send}, for a burst: writes frames[from] and those behind it, up to `to`, for as long as each
   * needs one slot and nothing else, as most do (20 ns a frame, against 60). Returns how many it wrote; they are the
   * ring's until answered. The next one may want {@link send}, which takes any frame.
   */
  sendPlain(frames: readonly Frame[], from: number, to: number): number {
    const { slots, memory, statics } = this
    if (statics !== null) {
      const sent = sendStatic(this.parts, slots, statics, frames, from, to, this.room)
      if (sent > 0) return sent
    }
    const { ring, grants, counters, work } = this.parts
    const { refs } = grants
    const { words: ids, frames: out } = slots
    const { words, mask, slots: firstSlot } = ring
    const room = this.room
    const end = to - from < room ? to : from + room
    const produced = ring.reqProdPvt
    let id = slots.freeId
    let bytes = 0
    let segments = 0
    let at = from
    for (; at < end; at++) {
      const frame = frames[at]
      if (!isPlain(frame, memory)) break
      const { length, offset } = frame
      grants.permit(id, (offset >>> 12) as Page)
      const slot = firstSlot + ((produced + (at - from)) & mask) * XEN_NETIF_TX_SLOT_BYTES
      writeTxRequest(words, slot, refs[id], offset & (PAGE - 1), checksumFlags(frame), id, length)
      const next = nextOf(ids[id])
      ids[id] = onlyWord(id, OUT)
      out[id] = frame
      id = next
      bytes += length
      segments += frame.segments
    }
    const sent = at - from
    if (sent <= 0) return 0
    slots.granted = true
    ring.reqProdPvt = (produced + sent) >>> 0
    slots.taken(id, sent, sent)
    counters.tx_packets += sent
    counters.tx_bytes += bytes
    counters.tx_segments += segments
    work.frames += sent
    work.slots += sent
    work.grantOps += sent
    return sent
  }

  /** How many of frames[from] and those behind it, up to `to`, {@link sendPlain} would write now. */
  plainRun(frames: readonly Frame[], from: number, to: number): number {
    const room = this.room
    const end = to - from < room ? to : from + room
    let at = from
    while (at < end && isPlain(frames[at], this.memory)) at++
    return at - from
  }

  /**
   * Write one frame. True: it is the ring's until answered, or it was dropped and counted. False: no room, it stays
   * the caller's.
   */
  send(given: Frame): boolean {
    this.single[0] = given
    if (this.sendPlain(this.single, 0, 1) === 1) return true
    const { ring, counters, sg } = this.parts
    let frame = given
    const length = frame.length
    if (length < LEAST_HEAD || length > MAX_LENGTH) return this.drop(frame, 'netfront_tx_too_long')
    let slots = ((frame.offset & (PAGE - 1)) + length + PAGE - 1) >>> 12
    const extras = frame.gsoSize === 0 ? 0 : 1
    if (ring.freeRequests() < slots + extras + 1 || this.slots.idsFree < slots + 1) return false
    if (
      (frame.offset & (PAGE - 1)) > PAGE - LEAST_HEAD ||
      frame.bytes !== this.memory ||
      (slots > 1 && !sg)
    ) {
      const copy = this.bounce(frame)
      // Of a bounce pool one comes back with the next answers; the queue is stopped until then.
      if (copy === null) return this.parts.bounce === null && this.drop(frame, 'netfront_tx_no_frame')
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

  private write(frame: Frame, count: number, extras: number): void {
    const { ring, slots } = this
    const { grants, work } = this.parts
    const { refs } = grants
    const words = ring.page.words
    const first = slots.freeId
    const length = frame.length
    let produced = ring.reqProdPvt
    let id = first
    let at = frame.offset
    let left = length
    let flags = checksumFlags(frame) | (extras === 0 ? 0 : XEN_NETTXF_EXTRA_INFO)
    for (let slot = 0; slot < count; slot++) {
      const within = at & (PAGE - 1)
      const room = PAGE - within
      const size = left < room ? left : room
      grants.permit(id, (at >>> 12) as Page)
      const more = slot + 1 < count ? XEN_NETTXF_MORE_DATA : 0
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
      id = nextOf(slots.words[id])
    }
    slots.granted = true
    slots.frames[first] = frame
    slots.taken(slots.take(first, count), count, 1)
    ring.reqProdPvt = produced
    work.frames++
    work.slots += count + extras
    work.grantOps += count
  }

  /** Take all responses that are there. Returns what the backend did wrong, or null. `fast` is told of each frame. */
  reap(fast: FastPath | null): TxFault | null {
    return this.answers.reap(fast)
  }

  /**
   * The connection is over: give back every frame still in the ring, counted as lost with it. A frame of which the
   * backend still uses a page waits in the quarantine, with its references, and is released when they have ended.
   */
  disconnect(quarantine: Quarantine, fast: FastPath | null): void {
    const { grants, counters } = this.parts
    const { slots } = this
    const { frames, size } = slots
    for (let id = 0; id < size; id++) {
      if (slots.stateOf(id) === FREE || !grants.tryEnd(id)) continue
      slots.setState(id, FREE)
      slots.settle(slots.firstOf(id))
    }
    for (let first = 0; first < size; first++) {
      const frame = frames[first]
      if (frame === null) continue
      counters.dropped.count('netfront_tx_disconnected', frame.segments, frame.length)
      if (fast !== null && fast.ordersTx) fast.slowAnswered(frame)
      if (slots.pendingOf(first) === 0) this.giveBack(first)
    }
    for (let id = 0; id < size; id++) {
      if (slots.stateOf(id) === OUT) quarantine.add(grants.refs[id], () => this.ended(slots.firstOf(id)))
    }
  }

  /** True if the reference of a slot is in quarantine, which gives it back. */
  refInUse(id: number): boolean {
    return this.slots.stateOf(id) === OUT
  }

  private ended(first: number): void {
    if (this.slots.settle(first) === 0) this.giveBack(first)
  }

  private giveBack(first: number): void {
    const frame = this.slots.finish(first)
    if (frame !== null) frame.release()
  }

  /** Copy a frame that cannot be granted where it lies: into pages of our own. Releases the original. */
  private bounce(frame: Frame): Frame | null {
    const { bounce, counters, pool, work } = this.parts
    const copy = bounce === null ? copyOf(frame, pool) : bounce.copy(frame)
    if (copy === null) return null
    copy.describeAs(frame)
    counters.tx_bounced++
    work.bytesCopied += frame.length
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

function copyOf(frame: Frame, pool: TxPool): Frame | null {
  const copy = pool.take(frame.length)
  if (copy === undefined) return null
  copy.length = frame.length
  copyBytes(copy.words, copy.offset, frame.words, frame.offset, frame.length)
  return copy
}
