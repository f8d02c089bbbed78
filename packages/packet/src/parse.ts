import {
  ETH_HEADER,
  ETH_TYPE,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
  VLAN_TAG,
} from './ethernet.js'
import type { Frame } from './frame.js'
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IPV4_FRAGMENT, IPV4_FRAGMENT_OFFSET, IPV4_HEADER } from './ipv4.js'
import { IPV4_MORE_FRAGMENTS, IPV4_PROTOCOL, IPV4_TOTAL_LENGTH } from './ipv4.js'
import {
  IPV6_AUTHENTICATION,
  IPV6_DESTINATION_OPTIONS,
  IPV6_FRAGMENT,
  IPV6_HEADER,
  IPV6_HOP_BY_HOP,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LENGTH,
  IPV6_ROUTING,
} from './ipv6.js'
import { TCP_ACKNOWLEDGEMENT, TCP_DATA_OFFSET, TCP_FLAGS, TCP_HEADER, TCP_SEQUENCE } from './tcp.js'
import { UDP_DESTINATION_PORT, UDP_HEADER, UDP_LENGTH, UDP_SOURCE_PORT } from './udp.js'

/** Most tags and extension headers that are walked; a frame with more is reported as unreadable. */
const MAX_VLAN_TAGS = 2
const MAX_EXTENSION_HEADERS = 8

/**
 * How far a frame could be read.
 * 'whole': everything this package understands of it is well formed (also a frame of an unknown ethertype).
 * 'short-ethernet': fewer bytes than the Ethernet header and its tags need, or too many tags.
 * 'bad-ip': an IP header that is cut off, of the wrong version or length, or that promises more than is there.
 * 'bad-l4': the IP header is good, the TCP or UDP header behind it is not.
 */
export type ParseResult = 'whole' | 'short-ethernet' | 'bad-ip' | 'bad-l4'

/**
 * What {@link parsePacket} found in one frame. One object is made at set-up and filled again and again.
 * Offsets count from the beginning of the frame, so they stay true for a copy of it; what was not found is 0
 * (`vlan`, `protocol`: -1).
 */
export class PacketInfo {
  result: ParseResult = 'short-ethernet'
  /** The type behind the tags, if any. */
  etherType = 0
  /** VLAN id of the outer tag, -1: untagged; and how many tags there are. */
  vlan = -1
  vlanTags = 0
  l3Offset = 0
  /** 4 or 6 if the header is good, else 0. */
  ipVersion = 0
  /** Header and extension headers, up to layer 4. */
  ipHeaderLength = 0
  /** Bytes of the IP packet; what the frame holds beyond is padding. */
  ipLength = 0
  protocol = -1
  /** Any fragment, the first included; such a packet has no layer 4 here. */
  fragment = false
  l4Offset = 0
  /** True if TCP or UDP with a good header was found; the port and TCP fields hold only then. */
  l4 = false
  sourcePort = 0
  destinationPort = 0
  tcpFlags = 0
  sequence = 0
  acknowledgement = 0
  /** Behind the TCP or UDP header if there is one, else behind the IP header. */
  payloadOffset = 0
  payloadLength = 0

  /** True for unfragmented TCP (or UDP) whose headers are good. */
  get isTcp(): boolean {
    return this.l4 && this.protocol === IP_PROTOCOL_TCP
  }

  get isUdp(): boolean {
    return this.l4 && this.protocol === IP_PROTOCOL_UDP
  }

  /** Forget the last frame. */
  clear(): void {
    this.result = 'short-ethernet'
    this.etherType = 0
    this.vlan = -1
    this.vlanTags = 0
    this.l3Offset = 0
    this.ipVersion = 0
    this.ipHeaderLength = 0
    this.ipLength = 0
    this.protocol = -1
    this.fragment = false
    this.l4Offset = 0
    this.l4 = false
    this.sourcePort = 0
    this.destinationPort = 0
    this.tcpFlags = 0
    this.sequence = 0
    this.acknowledgement = 0
    this.payloadOffset = 0
    this.payloadLength = 0
  }
}

/**
 * Read the headers of a frame into `info`. True if what was read is well formed, else `info.result` says where
 * it ends and the fields up to there are good. Reads nothing outside the frame and never throws, whatever the
 * bytes are; each field is read once, so a frame that changes meanwhile cannot make `info` contradict itself.
 */
export function parsePacket(frame: Frame, info: PacketInfo): boolean {
  info.clear()
  if (!parseEthernet(frame.view, frame.offset, frame.length, info)) return false
  if (info.etherType === ETHERTYPE_IPV4) return parseIpv4(frame.view, frame.offset, frame.length, info)
  if (info.etherType === ETHERTYPE_IPV6) return parseIpv6(frame.view, frame.offset, frame.length, info)
  info.payloadOffset = info.l3Offset
  info.payloadLength = frame.length - info.l3Offset
  return true
}

function parseEthernet(view: DataView, start: number, length: number, info: PacketInfo): boolean {
  if (length < ETH_HEADER) return false
  let at = ETH_HEADER
  let type = view.getUint16(start + ETH_TYPE)
  while (type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ) {
    if (info.vlanTags === MAX_VLAN_TAGS || length < at + VLAN_TAG) return false
    if (info.vlanTags === 0) info.vlan = view.getUint16(start + at) & 0x0fff
    info.vlanTags++
    type = view.getUint16(start + at + 2)
    at += VLAN_TAG
  }
  info.etherType = type
  info.l3Offset = at
  info.result = 'whole'
  return true
}

function parseIpv4(view: DataView, start: number, length: number, info: PacketInfo): boolean {
  info.result = 'bad-ip'
  const l3 = info.l3Offset
  const room = length - l3
  if (room < IPV4_HEADER) return false
  const at = start + l3
  const first = view.getUint8(at)
  const headerLength = (first & 0x0f) << 2
  const total = view.getUint16(at + IPV4_TOTAL_LENGTH)
  if (first >>> 4 !== 4 || headerLength < IPV4_HEADER || total < headerLength || total > room) return false
  info.ipVersion = 4
  info.ipHeaderLength = headerLength
  info.ipLength = total
  info.protocol = view.getUint8(at + IPV4_PROTOCOL)
  info.fragment = (view.getUint16(at + IPV4_FRAGMENT) & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET)) !== 0
  return parseL4(view, start, info)
}

function parseIpv6(view: DataView, start: number, length: number, info: PacketInfo): boolean {
  info.result = 'bad-ip'
  const l3 = info.l3Offset
  const room = length - l3
  if (room < IPV6_HEADER) return false
  const at = start + l3
  const total = IPV6_HEADER + view.getUint16(at + IPV6_PAYLOAD_LENGTH)
  if (view.getUint8(at) >>> 4 !== 6 || total > room) return false
  const protocol = skipExtensions(view, at, total, info)
  if (protocol < 0) return false
  info.ipVersion = 6
  info.ipLength = total
  info.protocol = protocol
  return parseL4(view, start, info)
}

/**
 * Walk the extension headers (RFC 8200 §4); returns the protocol behind them, or -1 if they cannot be read.
 * Behind a fragment header that is not the first there is no further header to read, so the walk ends there.
 */
function skipExtensions(view: DataView, at: number, total: number, info: PacketInfo): number {
  let next = view.getUint8(at + IPV6_NEXT_HEADER)
  let length = IPV6_HEADER
  for (let walked = 0; isExtension(next); walked++) {
    if (walked === MAX_EXTENSION_HEADERS || length + 8 > total) return -1
    const here = at + length
    const kind = next
    next = view.getUint8(here)
    if (kind === IPV6_FRAGMENT) {
      const word = view.getUint16(here + 2)
      // A fragment word of 0 is an atomic fragment (RFC 6946): whole, in spite of its header.
      if ((word & 0xfff9) !== 0) info.fragment = true
      length += 8
      if ((word & 0xfff8) !== 0) break
    } else {
      const units = view.getUint8(here + 1)
      length += kind === IPV6_AUTHENTICATION ? (units + 2) << 2 : (units + 1) << 3
    }
    if (length > total) return -1
  }
  info.ipHeaderLength = length
  return next
}

function isExtension(header: number): boolean {
  return (
    header === IPV6_HOP_BY_HOP ||
    header === IPV6_ROUTING ||
    header === IPV6_FRAGMENT ||
    header === IPV6_AUTHENTICATION ||
    header === IPV6_DESTINATION_OPTIONS
  )
}

function parseL4(view: DataView, start: number, info: PacketInfo): boolean {
  const l4 = info.l3Offset + info.ipHeaderLength
  const room = info.ipLength - info.ipHeaderLength
  info.l4Offset = l4
  info.payloadOffset = l4
  info.payloadLength = room
  info.result = 'whole'
  if (info.fragment) return true
  if (info.protocol === IP_PROTOCOL_TCP) return parseTcp(view, start + l4, room, info)
  if (info.protocol === IP_PROTOCOL_UDP) return parseUdp(view, start + l4, room, info)
  return true
}

function parseTcp(view: DataView, at: number, room: number, info: PacketInfo): boolean {
  info.result = 'bad-l4'
  if (room < TCP_HEADER) return false
  const headerLength = (view.getUint8(at + TCP_DATA_OFFSET) >>> 4) << 2
  if (headerLength < TCP_HEADER || headerLength > room) return false
  info.sequence = view.getUint32(at + TCP_SEQUENCE)
  info.acknowledgement = view.getUint32(at + TCP_ACKNOWLEDGEMENT)
  info.tcpFlags = view.getUint8(at + TCP_FLAGS)
  return foundL4(view, at, headerLength, room, info)
}

function parseUdp(view: DataView, at: number, room: number, info: PacketInfo): boolean {
  info.result = 'bad-l4'
  if (room < UDP_HEADER) return false
  const length = view.getUint16(at + UDP_LENGTH)
  if (length < UDP_HEADER || length > room) return false
  return foundL4(view, at, UDP_HEADER, length, info)
}

/** TCP and UDP keep their ports in the same place. */
function foundL4(
  view: DataView,
  at: number,
  headerLength: number,
  length: number,
  info: PacketInfo,
): boolean {
  info.sourcePort = view.getUint16(at + UDP_SOURCE_PORT)
  info.destinationPort = view.getUint16(at + UDP_DESTINATION_PORT)
  info.payloadOffset = info.l4Offset + headerLength
  info.payloadLength = length - headerLength
  info.l4 = true
  info.result = 'whole'
  return true
}
