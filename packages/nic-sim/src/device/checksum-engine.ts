import type { Frame } from '@netaccel/packet'
import {
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  IPV4_HEADER,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  PacketInfo,
  parsePacket,
  PLAIN_L3,
  PLAIN_L4,
  plainIsTcp,
  plainPayload,
  plainTransport,
  pseudoSum4,
  pseudoSum6,
  readUdpChecksum,
  TCP_CHECKSUM,
  UDP_CHECKSUM,
  UDP_HEADER,
  verifyIpv4Checksum,
} from '@netaccel/packet'
import type { Dma } from './dma.js'

export type ChecksumVerdict = 'ok' | 'bad' | 'unchecked'

/** Fills in checksums of frames that leave and checks those of frames that arrive. */
export class ChecksumEngine {
  private readonly dma: Dma
  private readonly info: PacketInfo

  constructor(dma: Dma) {
    this.dma = dma
    this.info = new PacketInfo()
  }

  /**
   * Fills in the TCP or UDP checksum of a frame in the NIC's own memory, whatever its field holds, and marks it
   * 'verified': a later stage of the NIC need not sum it again. False, and nothing changed: it is neither.
   * A sum of 0 is written as 0xffff, as Linux skb_checksum_help does.
   */
  finish(frame: Frame): boolean {
    const plain = plainTransport(frame)
    if (plain >= 0) {
      const field = PLAIN_L4 + (plainIsTcp(plain) ? TCP_CHECKSUM : UDP_CHECKSUM)
      const length = plainLength(frame, plain)
      this.fill(frame, PLAIN_L4, field, length, plainPseudoSum(frame, plain, length))
      return true
    }
    const { info } = this
    if (!parsePacket(frame, info) || !info.l4) return false
    const field = info.l4Offset + (info.protocol === IP_PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM)
    const length = info.payloadOffset + info.payloadLength - info.l4Offset
    this.fill(frame, info.l4Offset, field, length, pseudoOf(frame, info, length))
    return true
  }

  /** Ends a segment whose field holds the pseudo-header sum, as {@link finish} ends a frame. */
  finishSegment(frame: Frame): void {
    const { checksumStart, checksumOffset } = frame
    const at = frame.offset + checksumStart
    const sum = ~this.dma.sum(frame.words, at, frame.length - checksumStart, 0) & 0xffff
    frame.view.setUint16(at + checksumOffset, sum)
    frame.checksum = 'verified'
  }

  /** What the NIC finds of a plain frame that arrived; `plain` is what `plainTransport` said of it. */
  checkPlain(frame: Frame, plain: number): ChecksumVerdict {
    if (!plainHeaderIsRight(frame)) return 'bad'
    if (frame.checksum === 'verified') return 'ok'
    const at = frame.offset + PLAIN_L4
    if (!plainIsTcp(plain) && readUdpChecksum(frame.view, at) === 0) return 'ok'
    const length = plainLength(frame, plain)
    return this.dma.sum(frame.words, at, length, plainPseudoSum(frame, plain, length)) === 0xffff
      ? 'ok'
      : 'bad'
  }

  /** What the NIC finds of a parsed frame that arrived: the IPv4 header's sum and TCP's or UDP's. */
  check(frame: Frame, info: PacketInfo): ChecksumVerdict {
    if (!info.l4) return 'unchecked'
    if (info.ipVersion === 4 && !verifyIpv4Checksum(frame.view, frame.offset + info.l3Offset)) return 'bad'
    if (frame.checksum === 'verified') return 'ok'
    const at = frame.offset + info.l4Offset
    if (info.isUdp && readUdpChecksum(frame.view, at) === 0) return info.ipVersion === 4 ? 'ok' : 'bad'
    const length = info.payloadOffset + info.payloadLength - info.l4Offset
    return this.dma.sum(frame.words, at, length, pseudoOf(frame, info, length)) === 0xffff ? 'ok' : 'bad'
  }

  private fill(frame: Frame, l4: number, field: number, length: number, pseudo: number): void {
    const { view, offset } = frame
    view.setUint16(offset + field, 0)
    const sum = ~this.dma.sum(frame.words, offset + l4, length, pseudo) & 0xffff
    view.setUint16(offset + field, sum === 0 ? 0xffff : sum)
    frame.checksum = 'verified'
  }
}

/** Bytes that the checksum of a plain frame covers. */
function plainLength(frame: Frame, plain: number): number {
  if (!plainIsTcp(plain)) return plainPayload(plain) + UDP_HEADER
  return frame.view.getUint16(frame.offset + PLAIN_L3 + IPV4_TOTAL_LENGTH) - IPV4_HEADER
}

function plainPseudoSum(frame: Frame, plain: number, length: number): number {
  const at = frame.offset + PLAIN_L3 + IPV4_SOURCE
  const source = frame.view.getInt32(at)
  const destination = frame.view.getInt32(at + 4)
  const protocol = plainIsTcp(plain) ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP
  return fold(halves(source) + halves(destination) + protocol + length)
}

/** The header checksum of an IPv4 header without options. */
function plainHeaderIsRight(frame: Frame): boolean {
  const { view } = frame
  const at = frame.offset + PLAIN_L3
  let sum = halves(view.getInt32(at)) + halves(view.getInt32(at + 4)) + halves(view.getInt32(at + 8))
  sum += halves(view.getInt32(at + 12)) + halves(view.getInt32(at + 16))
  return fold(sum) === 0xffff
}

function halves(word: number): number {
  return (word >>> 16) + (word & 0xffff)
}

/** Of a sum of at most a few words. */
function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16)
  return (once & 0xffff) + (once >>> 16)
}

/** `length`: of the layer 4 packet. */
function pseudoOf(frame: Frame, info: PacketInfo, length: number): number {
  const l3 = frame.offset + info.l3Offset
  return info.ipVersion === 4
    ? pseudoSum4(frame.view, l3, info.protocol, length)
    : pseudoSum6(frame.view, l3, info.protocol, length)
}
