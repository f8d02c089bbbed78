// Stage 4s of a frame's way out, first part: one packet of the guest's TX ring, read once and judged.
import type { DropReason } from '@netaccel/core'
import type { BackRing, RingOffload } from '@netaccel/xen'
import type { ExtraInfo, TxRequest } from '@netaccel/xen/netif'
import {
  XEN_NETIF_EXTRA_FLAG_MORE,
  XEN_NETIF_EXTRA_TYPE_GSO,
  XEN_NETIF_EXTRA_TYPE_HASH,
  XEN_NETIF_EXTRA_TYPE_MAX,
  XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
  XEN_NETIF_EXTRA_TYPE_MCAST_DEL,
  XEN_NETIF_GSO_TYPE_TCPV4,
  XEN_NETIF_GSO_TYPE_TCPV6,
  XEN_NETTXF_CSUM_BLANK,
  XEN_NETTXF_DATA_VALIDATED,
  XEN_NETTXF_EXTRA_INFO,
  XEN_NETTXF_MORE_DATA,
  extraInfo,
  gsoExtraSize,
  gsoExtraType,
  hashExtraType,
  hashExtraValue,
  readExtra,
  readMulticastExtra,
  readTxRequest,
  txRequest,
} from '@netaccel/xen/netif'
import type { TxCredit } from './tx-credit.js'

const PAGE = 4096
const ETH_HEADER = 14
/** Hash types of an extra info: IPv4, IPv4 TCP, IPv6, IPv6 TCP. */
const HASH_TYPES = 4
/** Fragments of one packet of Linux (MAX_SKB_FRAGS). */
const MAX_FRAGMENTS = 17

/** Data slots behind the first (Linux xen-netback): from 18 on the packet is dropped, from 20 on the guest is hostile. */
export const LEGACY_SLOTS_MAX = 18
export const FATAL_SLOTS = 20
/** Slots a packet can have here, dropped ones included. */
export const MOST_SLOTS = FATAL_SLOTS + 1

/**
 * 'packet': to be copied. 'multicast': a change of the guest's list, no packet. 'refused': answer every slot with an
 * error. 'fatal': no driver does this; the vif is disabled. 'limited': the credit is used up, nothing was looked at.
 */
export type TxVerdict = 'packet' | 'multicast' | 'refused' | 'fatal' | 'limited'

/** What made a packet fatal, for the log. */
export type FatalCause =
  | 'none'
  | 'impossible number of requests'
  | 'missing extra info'
  | 'invalid extra type'
  | 'asked for more slots than there are'
  | 'too many slots'
  | 'slot crosses its page'
  | 'first slot crosses its page'
  | 'bad GSO size or type'

/**
 * The private copy of one packet's requests. One object per queue, filled again and again; {@link read} copies each
 * request once, and everything afterwards looks at the copy (XSA-155).
 */
export class TxPacket {
  readonly gref: Uint32Array
  readonly offset: Uint16Array
  readonly size: Uint16Array
  readonly id: Uint16Array
  /** Data slots, the first included. */
  slots: number
  /** Slots of extra infos, behind the first data slot. */
  extras: number
  /** Length of the whole packet. */
  total: number
  readonly offload: RingOffload
  /** What the guest says that its flow's hash is, in 31 bits; 0: it says none. */
  hash: number
  /** Of a 'multicast': the address, and whether it is added. */
  multicastAdd: boolean
  readonly multicast: Uint8Array
  /** Of a 'refused', for the counters; of a 'fatal', for the log. */
  reason: DropReason
  cause: FatalCause
  private readonly request: TxRequest
  private readonly extra: ExtraInfo
  private forList: boolean
  private gso: boolean

  constructor() {
    this.gref = new Uint32Array(MOST_SLOTS)
    this.offset = new Uint16Array(MOST_SLOTS)
    this.size = new Uint16Array(MOST_SLOTS)
    this.id = new Uint16Array(MOST_SLOTS)
    this.request = txRequest()
    this.extra = extraInfo()
    this.slots = 0
    this.extras = 0
    this.total = 0
    this.offload = { blank: false, verified: false, gsoSize: 0, gsoType: 0 }
    this.hash = 0
    this.multicastAdd = false
    this.multicast = new Uint8Array(6)
    this.reason = 'netback_tx_short'
    this.cause = 'none'
    this.forList = false
    this.gso = false
  }

  /** A change of the multicast list, not a packet. */
  get isMulticast(): boolean {
    return this.forList
  }

  /** Ring slots of the packet. */
  get requests(): number {
    return this.slots + this.extras
  }

  /** More data slots than a packet of Linux has fragments: only put together does it fit one. */
  get overflows(): boolean {
    if (this.slots <= MAX_FRAGMENTS + 1) return false
    let fragments = 0
    for (let slot = 1; slot < this.slots; slot++) if (this.size[slot] !== 0) fragments++
    return fragments > MAX_FRAGMENTS
  }

  /**
   * Read the packet at `ring.reqCons`, of which `available` (at least one) requests are there. Nothing is consumed, but its
   * length is taken off the credit, if there is one. The order of the checks is that of Linux xenvif_tx_build_gops.
   */
  read(ring: BackRing, available: number, credit: TxCredit | null = null): TxVerdict {
    const flags = this.copy(ring, ring.reqCons, 0)
    this.slots = 1
    this.extras = 0
    this.hash = 0
    this.total = this.size[0]
    if (credit !== null && !credit.take(this.total)) return 'limited'
    this.cause = 'none'
    this.forList = false
    this.gso = false
    const offload = this.offload
    offload.blank = (flags & XEN_NETTXF_CSUM_BLANK) !== 0
    offload.verified = (flags & XEN_NETTXF_DATA_VALIDATED) !== 0
    offload.gsoSize = 0
    if ((flags & XEN_NETTXF_EXTRA_INFO) !== 0 && !this.readExtras(ring, available)) return 'fatal'
    if (this.forList) return 'multicast'
    const remaining = (flags & XEN_NETTXF_MORE_DATA) === 0 ? this.total : this.walk(ring, available)
    if (this.cause !== 'none') return 'fatal'
    if (remaining < 0) return 'refused'
    if (remaining < ETH_HEADER) {
      this.reason = 'netback_tx_short'
      return 'refused'
    }
    if (this.offset[0] + remaining > PAGE) return this.fatal('first slot crosses its page')
    this.size[0] = remaining
    if (this.gso && !this.gsoPossible()) return this.fatal('bad GSO size or type')
    return 'packet'
  }

  /** Copy one request into place `slot`; returns its flags. */
  private copy(ring: BackRing, index: number, slot: number): number {
    const request = this.request
    readTxRequest(ring.page.words, ring.slotOffset(index), request)
    this.gref[slot] = request.gref
    this.offset[slot] = request.offset
    this.id[slot] = request.id
    this.size[slot] = request.size
    return request.flags
  }

  private readExtras(ring: BackRing, available: number): boolean {
    const words = ring.page.words
    const extra = this.extra
    let more = true
    while (more) {
      if (this.extras + 1 >= available) return this.fatal('missing extra info') !== 'fatal'
      readExtra(words, ring.slotOffset(ring.reqCons + 1 + this.extras), extra)
      this.extras++
      const type = extra.type
      more = (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE) !== 0
      if (type === 0 || type >= XEN_NETIF_EXTRA_TYPE_MAX) return this.fatal('invalid extra type') !== 'fatal'
      // A later extra of the same type takes the place of an earlier one.
      if (type === XEN_NETIF_EXTRA_TYPE_GSO) {
        this.gso = true
        this.offload.gsoSize = gsoExtraSize(extra)
        this.offload.gsoType = gsoExtraType(extra)
      } else if (type === XEN_NETIF_EXTRA_TYPE_HASH) {
        // Below 2^31, so that nobody boxes it; 0 would be none.
        this.hash = hashExtraType(extra) < HASH_TYPES ? hashExtraValue(extra) & 0x7fffffff || 1 : 0
      } else if (type === XEN_NETIF_EXTRA_TYPE_MCAST_ADD || type === XEN_NETIF_EXTRA_TYPE_MCAST_DEL) {
        // Linux asks for ADD first, whatever the order in the ring is.
        const add = type === XEN_NETIF_EXTRA_TYPE_MCAST_ADD
        if (this.forList && this.multicastAdd && !add) continue
        this.forList = true
        this.multicastAdd = add
        readMulticastExtra(extra, this.multicast, 0)
      }
    }
    return true
  }

  /** Walk the slots behind the first. Returns what is left for the first, or -1 for a packet to be refused. */
  private walk(ring: BackRing, available: number): number {
    const from = ring.reqCons + this.extras
    let remaining = this.total
    let refused = false
    let more = true
    while (more) {
      const behind = this.slots - 1
      if (this.slots + this.extras >= available) {
        this.cause = 'asked for more slots than there are'
        return -1
      }
      if (behind >= FATAL_SLOTS) {
        this.cause = 'too many slots'
        return -1
      }
      if (behind >= LEGACY_SLOTS_MAX && !refused) {
        refused = true
        this.reason = 'netback_tx_too_many_slots'
      }
      const slot = this.slots++
      const flags = this.copy(ring, from + slot, slot)
      const size = this.size[slot]
      if (size > remaining && !refused) {
        refused = true
        this.reason = 'netback_tx_too_long'
      }
      remaining -= size
      if (this.offset[slot] + size > PAGE) {
        this.cause = 'slot crosses its page'
        return -1
      }
      more = (flags & XEN_NETTXF_MORE_DATA) !== 0
    }
    return refused ? -1 : remaining
  }

  private gsoPossible(): boolean {
    const { gsoSize, gsoType } = this.offload
    return gsoSize !== 0 && (gsoType === XEN_NETIF_GSO_TYPE_TCPV4 || gsoType === XEN_NETIF_GSO_TYPE_TCPV6)
  }

  private fatal(cause: FatalCause): 'fatal' {
    this.cause = cause
    return 'fatal'
  }
}
