import type { Frame } from './frame.js'
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IPV4_CHECKSUM, IPV4_SOURCE, readIpv4HeaderLength } from './ipv4.js'
import { IPV6_SOURCE } from './ipv6.js'
import type { WordView } from './memory.js'
import type { PacketInfo } from './parse.js'
import { TCP_CHECKSUM } from './tcp.js'
import { readUdpChecksum, UDP_CHECKSUM } from './udp.js'

/**
 * The Internet checksum (RFC 1071). A *sum* here is the folded one's complement sum, 0 to 0xffff, of 16-bit
 * words in network order, not yet inverted; what a header holds is its complement.
 */

/** Fold carries until 16 bits are left. `sum` may be any whole number up to 2^48. */
export function foldSum(sum: number): number {
  let folded = sum > 0xffffffff ? (sum % 0x100000000) + Math.floor(sum / 0x100000000) : sum
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000)
  return folded
}

/** Sum of a short stretch (a header). An odd last byte counts as the high half of a word. */
export function sumHeader(view: DataView, at: number, length: number): number {
  let sum = 0
  let i = 0
  for (; i + 1 < length; i += 2) sum += view.getUint16(at + i)
  if (i < length) sum += view.getUint8(at + i) << 8
  return foldSum(sum)
}

/**
 * Sum of `length` bytes at `at`, however aligned: by 32-bit words in the machine's own order, and swapped at the
 * end (RFC 1071 §2 B: the sum does not depend on the byte order). The caller has checked the range; lengths up
 * to 256 KiB.
 */
export function sumBytes(words: WordView, at: number, length: number): number {
  const bytes = words.bytes
  if (length < 8) return sumHeader(words.view, at, length)
  // Bytes before the first whole word. Starting at an odd byte turns all lanes round: undone by one more swap.
  const head = -at & 3
  const count = (length - head) >>> 2
  const done = head + (count << 2)
  let low = 0
  let high = 0
  for (let i = at; i < at + head; i++) {
    if ((i & 1) === 0) low += bytes[i]
    else low += bytes[i] << 8
  }
  for (let i = at + done; i < at + length; i++) {
    if ((i & 1) === 0) high += bytes[i]
    else high += bytes[i] << 8
  }
  const sum = foldSum(low + high + sumWords(words.ints, (at + head) >>> 2, count))
  return (at & 1) === 0 ? ((sum & 0xff) << 8) | (sum >>> 8) : sum
}

/** Low and high halves summed apart: each stays below 2^32 up to 64 Ki words. */
function sumWords(ints: Int32Array, first: number, count: number): number {
  let low = 0
  let high = 0
  let i = first
  const end = first + count
  for (const unrolled = end - 7; i < unrolled; i += 8) {
    const a = ints[i]
    const b = ints[i + 1]
    const c = ints[i + 2]
    const d = ints[i + 3]
    const e = ints[i + 4]
    const f = ints[i + 5]
    const g = ints[i + 6]
    const h = ints[i + 7]
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0
    low = (low + (e & 0xffff) + (f & 0xffff) + (g & 0xffff) + (h & 0xffff)) | 0
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0
    high = (high + (e >>> 16) + (f >>> 16) + (g >>> 16) + (h >>> 16)) | 0
  }
  for (; i < end; i++) {
    low = (low + (ints[i] & 0xffff)) | 0
    high = (high + (ints[i] >>> 16)) | 0
  }
  // Folded here: a sum beyond 31 bits would be boxed on its way back.
  return (low & 0xffff) + (low >>> 16) + (high & 0xffff) + (high >>> 16)
}

/** Pseudo-header sum of IPv4 (RFC 9293 §3.1): addresses of the header at `at`, protocol, layer 4 length. */
export function pseudoSum4(view: DataView, at: number, protocol: number, length: number): number {
  return foldSum(sumHeader(view, at + IPV4_SOURCE, 8) + protocol + length)
}

/** Pseudo-header sum of IPv6 (RFC 8200 §8.1). */
export function pseudoSum6(view: DataView, at: number, protocol: number, length: number): number {
  return foldSum(sumHeader(view, at + IPV6_SOURCE, 32) + protocol + length)
}

/** Compute and store the header checksum of the IPv4 header at `at`; its length has been checked. */
export function writeIpv4Checksum(view: DataView, at: number): void {
  view.setUint16(at + IPV4_CHECKSUM, 0)
  view.setUint16(at + IPV4_CHECKSUM, ~sumHeader(view, at, readIpv4HeaderLength(view, at)) & 0xffff)
}

/** True if the header checksum of the IPv4 header at `at` is right; its length has been checked. */
export function verifyIpv4Checksum(view: DataView, at: number): boolean {
  return sumHeader(view, at, readIpv4HeaderLength(view, at)) === 0xffff
}

/** Pseudo-header sum of a parsed TCP or UDP packet. */
export function pseudoSum(frame: Frame, info: PacketInfo): number {
  const at = frame.offset + info.l3Offset
  const length = info.ipLength - info.ipHeaderLength
  return info.ipVersion === 4
    ? pseudoSum4(frame.view, at, info.protocol, length)
    : pseudoSum6(frame.view, at, info.protocol, length)
}

/**
 * Finish a 'blank' frame: sum from `checksumStart` to the end, fold, invert, store; the frame is 'none' then.
 * A result of 0 is stored as 0xffff, for UDP's sake, as Linux skb_checksum_help does (the two are equal in one's
 * complement). False, and nothing changed, if the frame is not blank, is still to be cut into segments, or says
 * that its field lies outside it: what a peer wrote there is not trusted.
 */
export function fillChecksum(frame: Frame): boolean {
  const from = frame.checksumStart
  const field = from + frame.checksumOffset
  if (frame.checksum !== 'blank' || frame.gsoSize !== 0) return false
  if (from < 0 || frame.checksumOffset < 0 || field + 2 > frame.length) return false
  const sum = ~sumBytes(frame.words, frame.offset + from, frame.length - from) & 0xffff
  frame.view.setUint16(frame.offset + field, sum === 0 ? 0xffff : sum)
  frame.checksum = 'none'
  return true
}

/**
 * Make an unfinished frame of a parsed TCP or UDP one: the pseudo-header sum in the field, the rest to whoever
 * fills it in. False, and nothing changed, for anything else and for UDP with padding behind it inside the packet
 * (a sum to the end of the frame would be wrong); padding behind the IP packet is cut off.
 */
export function setBlank(frame: Frame, info: PacketInfo): boolean {
  if (!info.l4) return false
  if (info.payloadOffset + info.payloadLength !== info.l3Offset + info.ipLength) return false
  frame.length = info.l3Offset + info.ipLength
  frame.checksum = 'blank'
  frame.checksumStart = info.l4Offset
  frame.checksumOffset = info.protocol === IP_PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM
  frame.view.setUint16(frame.offset + info.l4Offset + frame.checksumOffset, pseudoSum(frame, info))
  return true
}

/**
 * True if the layer 4 checksum of a parsed, unfragmented TCP or UDP packet is right; UDP over IPv4 without a
 * checksum counts as right. False for anything else: "not known to be right".
 */
export function verifyChecksum(frame: Frame, info: PacketInfo): boolean {
  if (!info.l4) return false
  const at = frame.offset + info.l4Offset
  const length = info.payloadOffset + info.payloadLength - info.l4Offset
  if (info.protocol === IP_PROTOCOL_UDP && readUdpChecksum(frame.view, at) === 0) return info.ipVersion === 4
  const l3 = frame.offset + info.l3Offset
  const pseudo =
    info.ipVersion === 4
      ? pseudoSum4(frame.view, l3, info.protocol, length)
      : pseudoSum6(frame.view, l3, info.protocol, length)
  return foldSum(pseudo + sumBytes(frame.words, at, length)) === 0xffff
}
