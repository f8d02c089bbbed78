import type { Frame, PacketInfo } from '@netaccel/packet'
import {
  foldSum,
  IP_PROTOCOL_TCP,
  parsePacket,
  pseudoSum4,
  pseudoSum6,
  sumBytes,
  TCP_CHECKSUM,
  UDP_CHECKSUM,
  verifyChecksum,
  verifyIpv4Checksum,
} from '@netaccel/packet'

/**
 * Fills in the TCP or UDP checksum of a frame in the NIC's own memory, whatever its field holds, and marks it
 * 'verified': a later stage of the NIC need not sum it again. False, and nothing changed: it is neither.
 * A sum of 0 is written as 0xffff, as Linux skb_checksum_help does.
 */
export function finishChecksum(frame: Frame, info: PacketInfo): boolean {
  if (!parsePacket(frame, info) || !info.l4) return false
  const { view, offset } = frame
  const l4 = offset + info.l4Offset
  const field = l4 + (info.protocol === IP_PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM)
  const length = info.payloadOffset + info.payloadLength - info.l4Offset
  const l3 = offset + info.l3Offset
  view.setUint16(field, 0)
  const pseudo =
    info.ipVersion === 4
      ? pseudoSum4(view, l3, info.protocol, length)
      : pseudoSum6(view, l3, info.protocol, length)
  const sum = ~foldSum(pseudo + sumBytes(frame.words, l4, length)) & 0xffff
  view.setUint16(field, sum === 0 ? 0xffff : sum)
  frame.checksum = 'verified'
  return true
}

export type ChecksumVerdict = 'ok' | 'bad' | 'unchecked'

/** What the NIC finds of a parsed frame that arrived: the IPv4 header's sum and TCP's or UDP's. */
export function checkArrived(frame: Frame, info: PacketInfo): ChecksumVerdict {
  if (!info.l4) return 'unchecked'
  if (info.ipVersion === 4 && !verifyIpv4Checksum(frame.view, frame.offset + info.l3Offset)) return 'bad'
  if (frame.checksum === 'verified') return 'ok'
  return verifyChecksum(frame, info) ? 'ok' : 'bad'
}
