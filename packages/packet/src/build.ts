import { ARP_LENGTH, writeArpMessage } from './arp.js'
import { foldSum, pseudoSum4, pseudoSum6, sumBytes, writeIpv4Checksum } from './checksum.js'
import { PacketError } from './errors.js'
import { ETH_HEADER, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN } from './ethernet.js'
import { VLAN_TAG, writeEthernet } from './ethernet.js'
import type { Frame } from './frame.js'
import { ICMP_CHECKSUM, ICMP_ECHO_HEADER, ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST } from './icmp.js'
import { ICMPV6_ECHO_REPLY, ICMPV6_ECHO_REQUEST, writeEchoHeader } from './icmp.js'
import { IP_PROTOCOL_ICMP, IP_PROTOCOL_ICMPV6, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from './ipv4.js'
import { IPV4_HEADER, writeIpv4Header } from './ipv4.js'
import { IPV6_HEADER, writeIpv6Header } from './ipv6.js'
import { TCP_ACK, TCP_CHECKSUM, TCP_HEADER, writeTcpHeader } from './tcp.js'
import { UDP_CHECKSUM, UDP_HEADER, writeUdpHeader } from './udp.js'

/**
 * Frames for generators and tests. The option objects are meant to be made once and changed between calls;
 * nothing is allocated per frame. Addresses are bytes (`parseMac`, `parseIp`), IPv4 and IPv6 told by length.
 *
 * The payload is `payload`, copied in, or else the `payloadLength` bytes that already lie behind the headers:
 * write them first, at {@link tcpHeaders} (or {@link udpHeaders}, {@link echoHeaders}) from the frame's start.
 * Each writer begins at `frame.offset`, sets `frame.length` and throws `NO_ROOM` if the buffer is too small.
 */
export interface LinkOptions {
  sourceMac: Uint8Array
  destinationMac: Uint8Array
  /** VLAN id; left out: untagged. */
  vlan?: number
}

export interface IpOptions extends LinkOptions {
  source: Uint8Array
  destination: Uint8Array
  /** Default 64. */
  ttl?: number
  /** IPv4 only; default 0. */
  ipId?: number
  payload?: Uint8Array
  /** Default: the length of `payload`, or 0. */
  payloadLength?: number
}

export interface TcpOptions extends IpOptions {
  sourcePort: number
  destinationPort: number
  sequence: number
  /** Default 0. */
  acknowledgement?: number
  /** Default ACK. */
  flags?: number
  /** Default 65535. */
  window?: number
  /** Leave the sum of the pseudo-header in the checksum field, as a stack with checksum offload does. */
  blank?: boolean
  /** Payload bytes a segment; a longer payload makes a GSO frame, which is always blank. Default 0: never. */
  gsoSize?: number
}

export interface UdpOptions extends IpOptions {
  sourcePort: number
  destinationPort: number
  blank?: boolean
}

export interface EchoOptions extends IpOptions {
  reply?: boolean
  echoId: number
  sequence: number
}

export interface ArpOptions extends LinkOptions {
  operation: number
  senderIp: Uint8Array
  targetIp: Uint8Array
  /** Default: zeros, as in a request. The sender's is `sourceMac`. */
  targetMac?: Uint8Array
}

const NO_MAC = new Uint8Array(6)

/** Bytes of headers before the payload of a TCP frame with these options. */
export function tcpHeaders(options: IpOptions): number {
  return networkHeaders(options) + TCP_HEADER
}

export function udpHeaders(options: IpOptions): number {
  return networkHeaders(options) + UDP_HEADER
}

export function echoHeaders(options: IpOptions): number {
  return networkHeaders(options) + ICMP_ECHO_HEADER
}

/** A TCP segment or, if `gsoSize` says so, a GSO frame. */
export function writeTcp(frame: Frame, options: TcpOptions): void {
  const length = payloadLength(options)
  const l4 = writeNetwork(frame, options, IP_PROTOCOL_TCP, TCP_HEADER + length)
  const {
    sourcePort,
    destinationPort,
    sequence,
    acknowledgement = 0,
    flags = TCP_ACK,
    window = 0xffff,
  } = options
  const at = frame.offset + l4
  // Numbers beyond 31 bits would be boxed on the way into a call: as signed ones they are not.
  writeTcpHeader(
    frame.view,
    at,
    sourcePort,
    destinationPort,
    sequence | 0,
    acknowledgement | 0,
    flags,
    window,
  )
  putPayload(frame, options, l4 + TCP_HEADER, length)
  const { blank = false, gsoSize = 0 } = options
  const cut = gsoSize > 0 && length > gsoSize
  if (cut) {
    frame.gsoSize = gsoSize
    frame.gsoType = options.source.length === 4 ? 'tcpv4' : 'tcpv6'
    frame.segments = Math.ceil(length / gsoSize)
  }
  putChecksum(frame, options, IP_PROTOCOL_TCP, l4, TCP_CHECKSUM, blank || cut)
}

export function writeUdp(frame: Frame, options: UdpOptions): void {
  const length = payloadLength(options)
  const l4 = writeNetwork(frame, options, IP_PROTOCOL_UDP, UDP_HEADER + length)
  const { sourcePort, destinationPort, blank = false } = options
  writeUdpHeader(frame.view, frame.offset + l4, sourcePort, destinationPort, UDP_HEADER + length)
  putPayload(frame, options, l4 + UDP_HEADER, length)
  putChecksum(frame, options, IP_PROTOCOL_UDP, l4, UDP_CHECKSUM, blank)
}

/** An echo request or reply, ICMP or ICMPv6 by the length of the addresses. */
export function writeIcmpEcho(frame: Frame, options: EchoOptions): void {
  const length = payloadLength(options)
  const v4 = options.source.length === 4
  const protocol = v4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6
  const l4 = writeNetwork(frame, options, protocol, ICMP_ECHO_HEADER + length)
  const { reply = false, echoId, sequence } = options
  const request = v4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST
  const type = reply ? (v4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY) : request
  writeEchoHeader(frame.view, frame.offset + l4, type, echoId, sequence)
  putPayload(frame, options, l4 + ICMP_ECHO_HEADER, length)
  putChecksum(frame, options, protocol, l4, ICMP_CHECKSUM, false)
}

/** An ARP request or reply for IPv4. */
export function writeArp(frame: Frame, options: ArpOptions): void {
  const { operation, sourceMac, senderIp, targetMac = NO_MAC, targetIp } = options
  const at = writeLink(frame, options, ETHERTYPE_ARP, ARP_LENGTH)
  writeArpMessage(frame.view, frame.offset + at, operation, sourceMac, senderIp, targetMac, targetIp)
}

function payloadLength(options: IpOptions): number {
  const { payload, payloadLength: given } = options
  return given ?? (payload === undefined ? 0 : payload.length)
}

function linkHeader(options: LinkOptions): number {
  return options.vlan === undefined ? ETH_HEADER : ETH_HEADER + VLAN_TAG
}

function networkHeaders(options: IpOptions): number {
  return linkHeader(options) + (options.source.length === 4 ? IPV4_HEADER : IPV6_HEADER)
}

/** The Ethernet header before `behind` bytes; returns where they begin. Makes the frame a plain one. */
function writeLink(frame: Frame, options: LinkOptions, type: number, behind: number): number {
  const header = linkHeader(options)
  const room = frame.start + frame.capacity - frame.offset
  if (header + behind > room) {
    throw new PacketError(
      'NO_ROOM',
      `a frame of ${header + behind} bytes does not fit the ${room} bytes of its buffer: take it from another pool`,
    )
  }
  const { view, offset } = frame
  if (options.vlan === undefined) writeEthernet(view, offset, options.destinationMac, options.sourceMac, type)
  else {
    writeEthernet(view, offset, options.destinationMac, options.sourceMac, ETHERTYPE_VLAN)
    view.setUint16(offset + ETH_HEADER, options.vlan & 0x0fff)
    view.setUint16(offset + ETH_HEADER + 2, type)
  }
  frame.length = header + behind
  frame.checksum = 'none'
  frame.checksumStart = 0
  frame.checksumOffset = 0
  frame.gsoSize = 0
  frame.gsoType = 'none'
  frame.segments = 1
  frame.hash = 0
  return header
}

/** Ethernet and IP before `behind` bytes of layer 4; returns where those begin. */
function writeNetwork(frame: Frame, options: IpOptions, protocol: number, behind: number): number {
  const { source, destination, ttl = 64, ipId = 0 } = options
  const v4 = source.length === 4
  const ipHeader = v4 ? IPV4_HEADER : IPV6_HEADER
  if ((v4 ? ipHeader + behind : behind) > 0xffff) {
    throw new PacketError(
      'NO_ROOM',
      `${behind} bytes of layer 4 do not fit an IP packet: send at most 65,000`,
    )
  }
  const l3 = writeLink(frame, options, v4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, ipHeader + behind)
  const at = frame.offset + l3
  if (v4) {
    writeIpv4Header(frame.view, at, ipHeader + behind, ipId, ttl, protocol, source, destination)
    writeIpv4Checksum(frame.view, at)
  } else writeIpv6Header(frame.view, at, behind, protocol, ttl, source, destination)
  return l3 + ipHeader
}

function putPayload(frame: Frame, options: IpOptions, from: number, length: number): void {
  const payload = options.payload
  if (payload === undefined) return
  const bytes = frame.bytes
  const at = frame.offset + from
  const given = payload.length < length ? payload.length : length
  for (let i = 0; i < given; i++) bytes[at + i] = payload[i]
  if (given < length) bytes.fill(0, at + given, at + length)
}

/** Store the finished checksum at `l4 + field`, or the pseudo-header sum if the frame is to stay blank. */
function putChecksum(
  frame: Frame,
  options: IpOptions,
  protocol: number,
  l4: number,
  field: number,
  blank: boolean,
): void {
  const at = frame.offset + l4
  const length = frame.length - l4
  let sum = 0
  if (options.source.length === 16) sum = pseudoSum6(frame.view, at - IPV6_HEADER, protocol, length)
  else if (protocol !== IP_PROTOCOL_ICMP) sum = pseudoSum4(frame.view, at - IPV4_HEADER, protocol, length)
  if (blank) {
    frame.checksum = 'blank'
    frame.checksumStart = l4
    frame.checksumOffset = field
    frame.view.setUint16(at + field, sum)
    return
  }
  const done = ~foldSum(sum + sumBytes(frame.words, at, length)) & 0xffff
  frame.view.setUint16(at + field, done === 0 && protocol === IP_PROTOCOL_UDP ? 0xffff : done)
}
