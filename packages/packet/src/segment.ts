import { pseudoSum4, pseudoSum6, sumBytes, writeIpv4Checksum } from './checksum.js'
import { copyBytes } from './copy.js'
import type { Frame } from './frame.js'
import { IP_PROTOCOL_TCP, readIpv4Id, writeIpv4Id, writeIpv4TotalLength } from './ipv4.js'
import { IPV6_HEADER, writeIpv6PayloadLength } from './ipv6.js'
import { PacketInfo, parsePacket } from './parse.js'
import { TCP_CHECKSUM, TCP_CWR, TCP_FIN, TCP_PSH, writeTcpFlags, writeTcpSequence } from './tcp.js'

const counted = new PacketInfo()

/**
 * How many wire segments a frame stands for, counted from its bytes and not taken from its `segments` field.
 * 1 for a frame that is not to be cut or cannot be.
 */
export function segmentCount(frame: Frame): number {
  return canSegment(frame, counted) ? Math.ceil(counted.payloadLength / frame.gsoSize) : 1
}

/** True if the frame is a GSO frame whose bytes are what it says; fills `info`. */
function canSegment(frame: Frame, info: PacketInfo): boolean {
  if (frame.gsoSize < 1 || frame.gsoType === 'none') return false
  if (!parsePacket(frame, info) || !info.isTcp) return false
  if (info.ipVersion !== (frame.gsoType === 'tcpv4' ? 4 : 6)) return false
  return info.payloadLength > 0
}

/**
 * Cuts one TCP frame longer than the MTU into the segments that the wire carries (Linux tcp_gso_segment,
 * inet_gso_segment): headers copied; the sequence number grows by the payload before; IPv4 id by one a segment;
 * lengths and checksums per segment; FIN and PSH only on the last, CWR only on the first. No allocation: one
 * object serves frame after frame, {@link begin} then {@link write} for k = 0 .. count - 1, then {@link end}.
 *
 * All that decides where bytes go is read once, in `begin`, so a source that changes under way can spoil only
 * the contents of its own segments.
 */
export class Segmenter {
  private readonly info: PacketInfo
  private frame: Frame | null
  private segments: number
  private headers: number
  private mss: number
  private ipId: number

  constructor() {
    this.info = new PacketInfo()
    this.frame = null
    this.segments = 0
    this.headers = 0
    this.mss = 0
    this.ipId = 0
  }

  /** Segments of the frame begun; 0 if none. */
  get count(): number {
    return this.segments
  }

  /** Bytes of Ethernet, IP and TCP headers, which each segment repeats. */
  get headerLength(): number {
    return this.headers
  }

  /** Bytes of the longest segment, headers included: what must fit MTU + 14 (18 with a tag). */
  get longest(): number {
    if (this.segments === 0) return 0
    return this.headers + (this.segments === 1 ? this.info.payloadLength : this.mss)
  }

  /**
   * Look at a GSO frame. False if it is none, or its headers are not TCP of the kind it claims: drop it. The
   * frame stays the caller's and must be kept until {@link end}. A small `gsoSize` makes many segments (65,000 at
   * worst): a caller who does not trust the sender compares `count` with what it is ready to do.
   */
  begin(frame: Frame): boolean {
    this.end()
    const info = this.info
    if (!canSegment(frame, info)) return false
    this.frame = frame
    this.headers = info.payloadOffset
    this.mss = frame.gsoSize
    this.segments = Math.ceil(info.payloadLength / this.mss)
    this.ipId = info.ipVersion === 4 ? readIpv4Id(frame.view, frame.offset + info.l3Offset) : 0
    return true
  }

  /** Forget the frame. */
  end(): void {
    this.frame = null
    this.segments = 0
  }

  /** Length of segment k, headers included. */
  lengthOf(k: number): number {
    return this.headers + this.payloadOf(k)
  }

  /**
   * Write segment k to `to`, at its offset, and describe it there: one segment, checksum finished ('none') or, with
   * `blank`, left to whoever sends it. The segments may be written in any order. False, and nothing written, if
   * there is no such segment or `to` has not the room.
   */
  write(k: number, to: Frame, blank = false): boolean {
    const from = this.frame
    if (from === null || !this.writeHeaders(k, to)) return false
    const payload = this.payloadOf(k)
    copyBytes(
      to.words,
      to.offset + this.headers,
      from.words,
      from.offset + this.headers + k * this.mss,
      payload,
    )
    if (blank) return true
    const at = to.offset + to.checksumStart
    const sum = ~sumBytes(to.words, at, to.length - to.checksumStart) & 0xffff
    to.view.setUint16(at + to.checksumOffset, sum)
    to.checksum = 'none'
    to.checksumStart = 0
    to.checksumOffset = 0
    return true
  }

  /**
   * The part of {@link write} that does not touch the payload, for whoever has a faster way to copy and sum: headers,
   * length, description, and a checksum left blank. The payload belongs behind {@link headerLength} bytes; it is what
   * stands from {@link payloadAt} on in the frame begun, whose own payload is not read.
   */
  writeHeaders(k: number, to: Frame): boolean {
    const from = this.frame
    if (from === null || k < 0 || k >= this.segments) return false
    const payload = this.payloadOf(k)
    if (this.headers + payload > to.start + to.capacity - to.offset) return false
    copyBytes(to.words, to.offset, from.words, from.offset, this.headers)
    to.describeAs(from)
    to.length = this.headers + payload
    to.gsoSize = 0
    to.gsoType = 'none'
    to.segments = 1
    this.patchIp(k, to)
    this.patchTcp(k, to)
    return true
  }

  /** Where segment k's payload begins, from the start of the frame. */
  payloadAt(k: number): number {
    return this.headers + k * this.mss
  }

  private payloadOf(k: number): number {
    const left = this.info.payloadLength - k * this.mss
    return left < this.mss ? left : this.mss
  }

  private patchIp(k: number, to: Frame): void {
    const { l3Offset, ipVersion } = this.info
    const at = to.offset + l3Offset
    const length = to.length - l3Offset
    if (ipVersion === 4) {
      writeIpv4TotalLength(to.view, at, length)
      writeIpv4Id(to.view, at, this.ipId + k)
      // The copy of a source that changes under way may claim another header length: ours stands.
      to.view.setUint8(at, 0x40 | (this.info.ipHeaderLength >>> 2))
      writeIpv4Checksum(to.view, at)
    } else writeIpv6PayloadLength(to.view, at, length - IPV6_HEADER)
  }

  private patchTcp(k: number, to: Frame): void {
    const { l3Offset, l4Offset, ipVersion, sequence, tcpFlags } = this.info
    const view = to.view
    const at = to.offset + l4Offset
    const length = to.length - l4Offset
    let flags = tcpFlags
    if (k > 0) flags &= ~TCP_CWR
    if (k < this.segments - 1) flags &= ~(TCP_FIN | TCP_PSH)
    writeTcpSequence(view, at, sequence + k * this.mss)
    writeTcpFlags(view, at, flags)
    const l3 = to.offset + l3Offset
    const pseudo =
      ipVersion === 4
        ? pseudoSum4(view, l3, IP_PROTOCOL_TCP, length)
        : pseudoSum6(view, l3, IP_PROTOCOL_TCP, length)
    view.setUint16(at + TCP_CHECKSUM, pseudo)
    to.checksum = 'blank'
    to.checksumStart = l4Offset
    to.checksumOffset = TCP_CHECKSUM
  }
}
