import { pseudoSum4, pseudoSum6, writeIpv4Checksum } from './checksum.js'
import { copyBytes } from './copy.js'
import type { Frame } from './frame.js'
import { IP_PROTOCOL_TCP, IPV4_FRAGMENT, IPV4_HEADER, IPV4_SOURCE, IPV4_TTL } from './ipv4.js'
import { readIpv4Id, writeIpv4TotalLength } from './ipv4.js'
import { IPV6_HEADER, IPV6_NEXT_HEADER, writeIpv6PayloadLength } from './ipv6.js'
import { PacketInfo, parsePacket } from './parse.js'
import { TCP_ACK, TCP_CHECKSUM, TCP_CWR, TCP_DATA_OFFSET, TCP_ECE, TCP_FIN, TCP_PSH } from './tcp.js'
import { TCP_ACKNOWLEDGEMENT, TCP_URGENT, TCP_WINDOW, writeTcpFlags } from './tcp.js'

/** Longest IP packet that a merged frame may become. */
const MAX_IP_PACKET = 65535
/** Flags that end a merge, and that the merged frame has if its last segment had them. */
const ENDS = TCP_FIN | TCP_PSH

/**
 * Merges consecutive TCP segments of one flow into one GSO frame: the inverse of the Segmenter, by the rules of
 * Linux GRO (inet_gro_receive, tcp_gro_receive). {@link begin} with the first segment, {@link add} what follows
 * until it says false or {@link closed}, then {@link finish}. Which flows are open, and for how long, is the
 * caller's table.
 *
 * Only segments whose checksum is known to be good ('verified' or 'blank') are merged: afterwards nobody could
 * tell which of them was bad.
 */
export class Coalescer {
  private readonly info: PacketInfo
  private readonly other: PacketInfo
  private head: Frame | null
  private mss: number
  private merged: number
  /** Signed, so that no engine boxes it. */
  private nextSequence: number
  private isClosed: boolean

  constructor() {
    this.info = new PacketInfo()
    this.other = new PacketInfo()
    this.head = null
    this.mss = 0
    this.merged = 0
    this.nextSequence = 0
    this.isClosed = true
  }

  /** True if nothing more can be added: no frame begun, or its last segment was short, pushed, or the end. */
  get closed(): boolean {
    return this.isClosed
  }

  /** Segments in the frame begun; 0 if none. */
  get segments(): number {
    return this.merged
  }

  /**
   * Start from a segment, whose buffer will take what follows. False if it is nothing to merge onto (pass it on as
   * it is); true: it stays the caller's, but only {@link finish} makes it a frame again.
   */
  begin(frame: Frame): boolean {
    this.forget()
    const info = this.info
    if (!isMergeable(frame, info)) return false
    this.head = frame
    this.mss = info.payloadLength
    this.merged = 1
    this.nextSequence = (info.sequence + info.payloadLength) | 0
    this.isClosed = (info.tcpFlags & ENDS) !== 0
    frame.length = info.payloadOffset + info.payloadLength
    return true
  }

  /**
   * Append the payload of a segment that follows directly. True: its bytes have been copied and the caller
   * releases it. False: it does not follow or does not fit, and nothing has changed; {@link finish} first, to
   * keep the order.
   */
  add(frame: Frame): boolean {
    const head = this.head
    const other = this.other
    if (head === null || this.isClosed || !isMergeable(frame, other) || !this.follows(head, frame))
      return false
    const length = other.payloadLength
    if (length > this.mss || head.tailroom < length) return false
    if (head.length - this.info.l3Offset + length > MAX_IP_PACKET) return false
    copyBytes(head.words, head.offset + head.length, frame.words, frame.offset + other.payloadOffset, length)
    head.length += length
    this.info.tcpFlags |= other.tcpFlags & ENDS
    this.nextSequence = (this.nextSequence + length) | 0
    this.merged++
    this.isClosed = (other.tcpFlags & ENDS) !== 0 || length < this.mss
    return true
  }

  /**
   * Make the frame begun whole and give it back: a GSO frame with a blank checksum if anything was added, else the
   * segment as it came (its padding cut off). Null if none was begun.
   */
  finish(): Frame | null {
    const head = this.head
    if (head !== null && this.merged > 1) this.seal(head)
    this.forget()
    return head
  }

  private forget(): void {
    this.head = null
    this.merged = 0
    this.isClosed = true
  }

  /** The same flow and the next bytes of it; every header field equal that the merged header can hold but once. */
  private follows(head: Frame, frame: Frame): boolean {
    const { info, other } = this
    if ((other.sequence | 0) !== this.nextSequence || (other.tcpFlags & TCP_CWR) !== 0) return false
    if (((info.tcpFlags ^ other.tcpFlags) & ~(ENDS | TCP_CWR)) !== 0) return false
    if (info.payloadOffset !== other.payloadOffset || info.ipVersion !== other.ipVersion) return false
    const { l3Offset, l4Offset, payloadOffset } = info
    if (l3Offset !== other.l3Offset || l4Offset !== other.l4Offset) return false
    if (!same(head, frame, 0, l3Offset)) return false
    if (info.ipVersion === 4) {
      const id = readIpv4Id(head.view, head.offset + l3Offset) + this.merged
      if (readIpv4Id(frame.view, frame.offset + l3Offset) !== (id & 0xffff)) return false
      if (!same(head, frame, l3Offset, l3Offset + 2)) return false
      if (!same(head, frame, l3Offset + IPV4_FRAGMENT, l3Offset + IPV4_TTL + 2)) return false
      if (!same(head, frame, l3Offset + IPV4_SOURCE, l3Offset + IPV4_HEADER)) return false
    } else {
      if (!same(head, frame, l3Offset, l3Offset + 4)) return false
      if (!same(head, frame, l3Offset + IPV6_NEXT_HEADER, l3Offset + IPV6_HEADER)) return false
    }
    return (
      same(head, frame, l4Offset, l4Offset + 4) &&
      same(head, frame, l4Offset + TCP_ACKNOWLEDGEMENT, l4Offset + TCP_DATA_OFFSET + 1) &&
      same(head, frame, l4Offset + TCP_WINDOW, l4Offset + TCP_CHECKSUM) &&
      same(head, frame, l4Offset + TCP_URGENT, payloadOffset)
    )
  }

  private seal(head: Frame): void {
    const { l3Offset, l4Offset, ipVersion, tcpFlags } = this.info
    const view = head.view
    const l3 = head.offset + l3Offset
    const l4 = head.offset + l4Offset
    const length = head.length - l3Offset
    if (ipVersion === 4) {
      writeIpv4TotalLength(view, l3, length)
      writeIpv4Checksum(view, l3)
    } else writeIpv6PayloadLength(view, l3, length - IPV6_HEADER)
    writeTcpFlags(view, l4, tcpFlags)
    const l4Length = head.length - l4Offset
    const pseudo =
      ipVersion === 4
        ? pseudoSum4(view, l3, IP_PROTOCOL_TCP, l4Length)
        : pseudoSum6(view, l3, IP_PROTOCOL_TCP, l4Length)
    view.setUint16(l4 + TCP_CHECKSUM, pseudo)
    head.checksum = 'blank'
    head.checksumStart = l4Offset
    head.checksumOffset = TCP_CHECKSUM
    head.gsoSize = this.mss
    head.gsoType = ipVersion === 4 ? 'tcpv4' : 'tcpv6'
    head.segments = this.merged
  }
}

/** One plain TCP segment with payload, a good checksum, no IP options, and nothing that must be seen at once. */
function isMergeable(frame: Frame, info: PacketInfo): boolean {
  if (frame.checksum === 'none' || frame.gsoSize !== 0 || frame.segments !== 1) return false
  if (!parsePacket(frame, info) || !info.isTcp || info.payloadLength === 0) return false
  if (info.ipHeaderLength !== (info.ipVersion === 4 ? IPV4_HEADER : IPV6_HEADER)) return false
  return (info.tcpFlags & ~(ENDS | TCP_CWR | TCP_ECE)) === TCP_ACK
}

/** True if both frames hold the same bytes from one place to another. */
function same(a: Frame, b: Frame, from: number, to: number): boolean {
  const left = a.bytes
  const right = b.bytes
  const shift = b.offset - a.offset
  for (let i = a.offset + from; i < a.offset + to; i++) if (left[i] !== right[i + shift]) return false
  return true
}
