import {
  ETH_DESTINATION,
  ETH_HEADER,
  ETH_TYPE,
  ETHERTYPE_IPV4,
  foldSum,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  PacketInfo,
  parsePacket,
  PLAIN_L3,
  PLAIN_L4,
  plainIsTcp,
  plainPayload,
  plainTransport,
  pseudoSum4,
} from '@netaccel/core'
import type { Frame } from '@netaccel/core'
import { TX_MAX_BYTES } from '@netaccel/nic-sim/constants'
import type { MacTable } from './mac-table.js'

/** Ethernet and the shortest IPv4 header: less than this is not looked at further (the original's linear part). */
const SHORTEST = 34
/** Headers that the option descriptor can name. */
const LONGEST_HEADERS = 255
/** Segments that the NIC cuts out of one frame at most. */
const MOST_SEGMENTS = 512
/** Where the IP packet's length stands in a plain frame, and its addresses. */
const PLAIN_TOTAL = PLAIN_L3 + 2
const PLAIN_SOURCE = PLAIN_L3 + 12
const UDP_HEADER = 8
const TCP_CHECKSUM_FIELD = 16
const UDP_CHECKSUM_FIELD = 6

/** The place where a frame's bytes can be reached by the NIC. */
export interface TxReach {
  /** True: the frame's bytes can be named by descriptors, now or when there is room. */
  reaches(frame: Frame): boolean
}

/**
 * The "cannot" tests, in the original's order (netfront_accel_vnic_tx_post of sfc_netfront/accel_vi.c), with the
 * fragments, finished checksums and sizes that it left out. They say nothing about room, so a frame that was told busy
 * is never declined later while nothing but room has changed (TX-07).
 */
export class AcceptTest {
  /** Largest IP packet that may leave: the lesser of the guest's and the port's MTU. */
  mtu: number
  /** Link and conversation stand. */
  open: boolean
  /** Bytes of the headers of the frame last tested with a positive answer: what TSO repeats. */
  headerBytes: number
  private readonly macs: MacTable
  private readonly reach: TxReach
  private readonly info: PacketInfo

  constructor(macs: MacTable, reach: TxReach, mtu: number) {
    this.mtu = mtu
    this.open = false
    this.headerBytes = 0
    this.macs = macs
    this.reach = reach
    this.info = new PacketInfo()
  }

  /** True: this frame can go by the VI. Changes nothing that a later answer depends on. */
  test(frame: Frame): boolean {
    const { view, offset, length } = frame
    if (!this.open || length < SHORTEST) return false
    const to = offset + ETH_DESTINATION
    if (!this.macs.has(view.getUint16(to), view.getInt32(to + 2))) return false
    if (frame.gsoSize === 0) {
      const plain = plainTransport(frame)
      if (plain >= 0) return this.testPlain(frame, plain)
    }
    if (view.getUint16(offset + ETH_TYPE) !== ETHERTYPE_IPV4) return false
    const info = this.info
    // `l4`: a whole TCP or UDP header, which a fragment has not.
    if (!parsePacket(frame, info) || !info.l4) return false
    if (!this.hasKnownChecksum(frame) || !this.fits(frame)) return false
    if (!this.reach.reaches(frame)) return false
    this.headerBytes = info.payloadOffset
    return true
  }

  /** The rest of the test for what nearly every frame is that is not to be cut: same answers, a third of the work. */
  private testPlain(frame: Frame, plain: number): boolean {
    if (frame.length > this.mtu + ETH_HEADER) return false
    if (frame.checksum === 'blank' && !this.isOwnChecksum(frame, plain)) return false
    return this.reach.reaches(frame)
  }

  /** As {@link hasKnownChecksum}, of a plain frame. */
  private isOwnChecksum(frame: Frame, plain: number): boolean {
    const { view, offset } = frame
    const isTcp = plainIsTcp(plain)
    const length = frame.length - PLAIN_L4
    const covered = isTcp
      ? view.getUint16(offset + PLAIN_TOTAL) - (PLAIN_L4 - PLAIN_L3)
      : plainPayload(plain) + UDP_HEADER
    if (covered !== length) return false
    const source = view.getInt32(offset + PLAIN_SOURCE)
    const destination = view.getInt32(offset + PLAIN_SOURCE + 4)
    let sum = (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + length
    sum += isTcp ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP
    const field = PLAIN_L4 + (isTcp ? TCP_CHECKSUM_FIELD : UDP_CHECKSUM_FIELD)
    return view.getUint16(offset + field) === foldSum(sum)
  }

  /**
   * A finished checksum is sent as it is. A blank one is filled in by the NIC, which finds its place by the headers:
   * so the field must hold this packet's pseudo-header sum. It does not when the blank one is that of a packet within
   * (a tunnel), whose place the NIC would not find.
   */
  private hasKnownChecksum(frame: Frame): boolean {
    if (frame.checksum !== 'blank' || frame.gsoSize > 0) return true
    const { info } = this
    const { view, offset } = frame
    if (info.payloadOffset + info.payloadLength !== frame.length) return false
    const field = info.protocol === IP_PROTOCOL_TCP ? TCP_CHECKSUM_FIELD : UDP_CHECKSUM_FIELD
    const length = info.ipLength - info.ipHeaderLength
    const pseudo = pseudoSum4(view, offset + info.l3Offset, info.protocol, length)
    return view.getUint16(offset + info.l4Offset + field) === foldSum(pseudo)
  }

  private fits(frame: Frame): boolean {
    const { info } = this
    const { length, gsoSize } = frame
    const most = this.mtu + ETH_HEADER
    if (gsoSize === 0) return length <= most
    if (info.protocol === IP_PROTOCOL_UDP || length > TX_MAX_BYTES) return false
    const headers = info.payloadOffset
    const payload = info.payloadLength
    if (payload === 0 || headers > LONGEST_HEADERS || payload > gsoSize * MOST_SEGMENTS) return false
    return headers + (payload < gsoSize ? payload : gsoSize) <= most
  }
}
