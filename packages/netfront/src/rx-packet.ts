// Stage 3s of a frame's way in, second part: one frame from the responses of one packet.
import type { DropReason } from '@netaccel/core'
import { copyBytes, ETH_HEADER, PacketInfo } from '@netaccel/packet'
import type { Frame, FramePool } from '@netaccel/packet'
import { applyChecksum, applyOffload } from '@netaccel/xen'
import {
  extraInfo,
  gsoExtraSize,
  gsoExtraType,
  readExtra,
  readRxResponse,
  rxResponse,
  XEN_NETIF_EXTRA_FLAG_MORE,
  XEN_NETIF_EXTRA_TYPE_GSO,
  XEN_NETIF_EXTRA_TYPE_MAX,
  XEN_NETIF_EXTRA_TYPE_XDP,
  XEN_NETIF_GSO_TYPE_TCPV4,
  XEN_NETIF_GSO_TYPE_TCPV6,
  XEN_NETRXF_CSUM_BLANK,
  XEN_NETRXF_DATA_VALIDATED,
  XEN_NETRXF_EXTRA_INFO,
  XEN_NETRXF_MORE_DATA,
  XEN_NETIF_RX_SLOT_BYTES,
} from '@netaccel/xen/netif'
import type { RingOffload } from '@netaccel/xen'
import type { ExtraInfo, RxResponse } from '@netaccel/xen/netif'
import type { QueueCounters } from './counters.js'
import type { TxRxQueue } from './queue.js'
import { EMPTY } from './rx-ring.js'
import type { RxRing } from './rx-ring.js'
import { MAX_SLOTS } from './tx-ring.js'

const PAGE = 4096
/** A packet may have one slot more than others when its first has no more than this (Linux RX_COPY_THRESHOLD). */
const COPY_THRESHOLD = 256
/** Flags of a packet that the fast lane leaves. */
const NOT_PLAIN = XEN_NETRXF_MORE_DATA | XEN_NETRXF_EXTRA_INFO

/**
 * Reads packets out of the RX ring: each response is copied once, every grant ended, and only then is the copy looked
 * at. Whatever the backend wrote, the pages of the packet are either in the frame that comes out or free again.
 */
export class RxPacketReader {
  private readonly rx: RxRing
  private readonly gather: FramePool
  private readonly counters: QueueCounters
  private readonly info: PacketInfo
  private readonly page: Int16Array
  private readonly offset: Uint16Array
  private readonly length: Uint16Array
  private readonly offload: RingOffload
  private readonly response: RxResponse
  private readonly extra: ExtraInfo
  private slots: number
  private total: number
  private extraPage: number
  /** Bytes that the backend has left free at the start of each page. */
  private headroom: number

  /** `gather`: frames of 17 pages for packets whose pages are scattered. */
  constructor(rx: RxRing, gather: FramePool, counters: QueueCounters) {
    this.rx = rx
    this.gather = gather
    this.counters = counters
    this.info = new PacketInfo()
    this.page = new Int16Array(MAX_SLOTS + 1)
    this.offset = new Uint16Array(MAX_SLOTS + 1)
    this.length = new Uint16Array(MAX_SLOTS + 1)
    this.offload = { blank: false, verified: false, gsoSize: 0, gsoType: 0 }
    this.response = rxResponse()
    this.extra = extraInfo()
    this.slots = 0
    this.total = 0
    this.extraPage = EMPTY
    this.headroom = 0
  }

  /** True if a packet of any shape can be taken: else wait for the stack to release what was gathered for it. */
  get ready(): boolean {
    return this.gather.free > 0
  }

  /**
   * Take the packet that begins at `rspCons`; at least one and at most `available` responses are consumed. The frame
   * is the caller's. Null if the packet made none: counted, its pages given back, and `rx.fault` set if it was hostile.
   */
  take(available: number): Frame | null {
    let bad = this.read(available)
    if (bad === null && this.headroom !== 0) bad = this.leaveHeadroom()
    if (bad === null && this.slots > MAX_SLOTS && this.length[0] > COPY_THRESHOLD)
      bad = 'netfront_rx_too_many_slots'
    if (bad === null && this.total < ETH_HEADER) bad = 'netfront_rx_short'
    if (bad === null && this.total > this.gather.stride) bad = 'netfront_rx_too_many_slots'
    if (bad !== null || this.rx.fault !== null) {
      this.giveBack()
      return this.reject(bad ?? 'netfront_rx_grant_in_use')
    }
    const frame = this.build()
    return frame === null ? this.reject('netfront_rx_no_frame') : this.describe(frame)
  }

  /**
   * The fast lane of {@link take}, for a run of packets of one good slot without extra info, as most are: takes those at
   * `rspCons`, at most `most`, and hands each to the queue, counted. Returns how many. With the lane of `TxAnswers` it
   * takes 10 ns of 300 off a frame's way from guest to guest, beside lanes for one frame at a time. What it leaves is copied
   * from the ring once more by {@link take}, and that second copy alone is judged.
   */
  deliverPlain(queue: TxRxQueue, most: number): number {
    const { rx } = this
    const { ring, posted, mask, pages } = rx
    const { words, slots } = ring
    const { observer, counters } = queue
    const from = ring.rspCons
    const ended = rx.endedRun(from)
    const count = most < ended ? most : ended
    let done = 0
    let packets = 0
    let bytes = 0
    let segments = 0
    while (done < count) {
      const slot = (from + done) & mask
      const at = (slots + slot * XEN_NETIF_RX_SLOT_BYTES) >> 2
      const offset = words[at] >>> 16
      const flags = words[at + 1]
      const length = flags >> 16
      const page = posted[slot]
      if ((flags & NOT_PLAIN) !== 0 || length < ETH_HEADER || offset + length > PAGE || page === EMPTY) break
      const frame = pages.deliverOne(page, offset, length)
      posted[slot] = EMPTY
      done++
      ring.rspCons = (from + done) >>> 0
      const blank = (flags & XEN_NETRXF_CSUM_BLANK) !== 0
      const verified = (flags & XEN_NETRXF_DATA_VALIDATED) !== 0
      if (!applyChecksum(frame, blank, verified) && this.describeBlank(frame) === null) continue
      packets++
      bytes += length
      segments += frame.segments
      if (observer !== null) observer.received(frame, 'slow')
      queue.deliver(frame)
    }
    counters.rx_packets += packets
    counters.rx_bytes += bytes
    counters.rx_segments += segments
    rx.work.slots += done
    return done
  }

  /** A frame of one slot whose checksum is said to be blank, and which is not plain. */
  private describeBlank(frame: Frame): Frame | null {
    this.total = frame.length
    this.offload.blank = true
    this.offload.gsoSize = 0
    return this.describe(frame)
  }

  /** The frame as the slots say, if its bytes bear it out; else it is dropped. */
  private describe(frame: Frame): Frame | null {
    const described = applyOffload(frame, this.offload, this.info)
    if (described === 'fixed') this.counters.rx_gso_checksum_fixup++
    if (described === 'ok' || described === 'fixed') return frame
    frame.release()
    return this.reject(described === 'bad-gso' ? 'netfront_rx_bad_extra' : 'netfront_rx_bad_checksum')
  }

  private read(available: number): DropReason | null {
    const rx = this.rx
    const ring = rx.ring
    const words = ring.page.words
    const from = ring.rspCons
    const end = (from + available) >>> 0
    let cons = from
    let flags = XEN_NETRXF_MORE_DATA
    let bad: DropReason | null = null
    this.slots = 0
    this.total = 0
    this.extraPage = EMPTY
    this.headroom = 0
    while ((flags & XEN_NETRXF_MORE_DATA) !== 0) {
      if (cons === end) {
        bad = 'netfront_rx_missing_slot'
        break
      }
      readRxResponse(words, ring.slotOffset(cons), this.response)
      flags = this.response.flags
      bad = this.note(rx.claim(cons)) ?? bad
      const first = cons === from
      cons = (cons + 1) >>> 0
      if (!first) continue
      this.offload.blank = (flags & XEN_NETRXF_CSUM_BLANK) !== 0
      this.offload.verified = (flags & XEN_NETRXF_DATA_VALIDATED) !== 0
      this.offload.gsoSize = 0
      ring.rspCons = cons
      if ((flags & XEN_NETRXF_EXTRA_INFO) === 0) continue
      bad = this.readExtras(end) ?? bad
      cons = ring.rspCons
    }
    ring.rspCons = cons
    rx.work.slots += (cons - from) >>> 0
    return bad
  }

  /** The extra infos stand in slots of their own, behind the first; the pages posted there carry nothing. */
  private readExtras(end: number): DropReason | null {
    const ring = this.rx.ring
    const words = ring.page.words
    const extra = this.extra
    let bad: DropReason | null = null
    let more = true
    while (more) {
      if (ring.rspCons === end) return 'netfront_rx_bad_extra'
      readExtra(words, ring.slotOffset(ring.rspCons), extra)
      const type = extra.type
      more = (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE) !== 0
      const size = gsoExtraSize(extra)
      const gsoType = gsoExtraType(extra)
      if (this.extraPage !== EMPTY) this.rx.pages.discard(this.extraPage)
      this.extraPage = this.rx.claim(ring.rspCons)
      ring.rspCons = (ring.rspCons + 1) >>> 0
      if (type === 0 || type >= XEN_NETIF_EXTRA_TYPE_MAX) bad = 'netfront_rx_bad_extra'
      if (type === XEN_NETIF_EXTRA_TYPE_XDP) this.headroom = extra.low
      if (type !== XEN_NETIF_EXTRA_TYPE_GSO) continue
      const known = gsoType === XEN_NETIF_GSO_TYPE_TCPV4 || gsoType === XEN_NETIF_GSO_TYPE_TCPV6
      if (size === 0 || !known) bad = 'netfront_rx_bad_extra'
      this.offload.gsoSize = size
      this.offload.gsoType = gsoType
    }
    return bad
  }

  /** Remember one data slot. A page that could not be claimed has no place here: `rx.fault` tells. */
  private note(page: number): DropReason | null {
    if (page === EMPTY) return null
    const { offset, status } = this.response
    const slot = this.slots
    if (slot > MAX_SLOTS) {
      this.rx.pages.discard(page)
      return 'netfront_rx_too_many_slots'
    }
    this.page[slot] = page
    this.slots = slot + 1
    if (status < 0) return 'netfront_rx_error_status'
    if (offset + status > PAGE) return 'netfront_rx_bad_offset'
    this.offset[slot] = offset
    this.length[slot] = status
    this.total += status
    return null
  }

  /** With headroom a response's status is where the bytes of its page end, and they begin behind the headroom. */
  private leaveHeadroom(): DropReason | null {
    const { headroom, length, offset, slots } = this
    for (let slot = 0; slot < slots; slot++) {
      if (offset[slot] !== 0 || length[slot] < headroom) return 'netfront_rx_bad_offset'
      offset[slot] = headroom
      length[slot] -= headroom
    }
    this.total -= slots * headroom
    return null
  }

  private build(): Frame | null {
    const { page, offset, slots, total, extraPage } = this
    const pages = this.rx.pages
    const first = page[0]
    if (slots === 1 || (this.runs(1) && page[1] === first + 1)) {
      if (extraPage !== EMPTY) pages.discard(extraPage)
      return pages.deliver(first, slots, offset[0], total)
    }
    if (extraPage === first + 1 && page[1] === extraPage + 1 && this.runs(1)) return this.closeGap(first)
    return this.gatherPieces()
  }

  /** True if the slots from `from` on, and what stands before them, are full pages that follow one another. */
  private runs(from: number): boolean {
    const { page, offset, length, slots } = this
    for (let slot = from; slot < slots; slot++) {
      if (offset[slot - 1] + length[slot - 1] !== PAGE || offset[slot] !== 0) return false
      if (slot > from && page[slot] !== page[slot - 1] + 1) return false
    }
    return true
  }

  /**
   * A GSO packet's second page is the one posted for the extra info, and empty. Moving the first page's bytes there
   * makes the packet one piece: a copy of 4 KiB for one of 64.
   */
  private closeGap(first: number): Frame {
    const pages = this.rx.pages
    const offset = this.offset[0]
    const length = this.length[0]
    const words = pages.words
    copyBytes(words, pages.byteOffset(first + 1) + offset, words, pages.byteOffset(first) + offset, length)
    this.rx.work.bytesCopied += length
    pages.discard(first)
    return pages.deliver(first + 1, this.slots, offset, this.total)
  }

  private gatherPieces(): Frame | null {
    const pages = this.rx.pages
    const frame = this.gather.take()
    if (frame !== undefined) {
      let at = frame.offset
      for (let slot = 0; slot < this.slots; slot++) {
        const from = pages.byteOffset(this.page[slot]) + this.offset[slot]
        copyBytes(frame.words, at, pages.words, from, this.length[slot])
        at += this.length[slot]
      }
      frame.length = this.total
      this.rx.work.bytesCopied += this.total
      this.counters.rx_gathered++
    }
    this.giveBack()
    return frame ?? null
  }

  private giveBack(): void {
    for (let slot = 0; slot < this.slots; slot++) this.rx.pages.discard(this.page[slot])
    if (this.extraPage !== EMPTY) this.rx.pages.discard(this.extraPage)
    this.slots = 0
  }

  private reject(reason: DropReason): null {
    this.counters.rx_errors++
    this.counters.dropped.count(reason, 1, this.total)
    return null
  }
}
