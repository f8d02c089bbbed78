/** The IPv4 header (RFC 791). `at` is where the header begins. */

export const IPV4_VERSION_IHL = 0
export const IPV4_TOS = 1
export const IPV4_TOTAL_LENGTH = 2
export const IPV4_ID = 4
export const IPV4_FRAGMENT = 6
export const IPV4_TTL = 8
export const IPV4_PROTOCOL = 9
export const IPV4_CHECKSUM = 10
export const IPV4_SOURCE = 12
export const IPV4_DESTINATION = 16
/** Without options. */
export const IPV4_HEADER = 20

/** Flags of the fragment word; the offset is in units of 8 bytes. */
export const IPV4_DONT_FRAGMENT = 0x4000
export const IPV4_MORE_FRAGMENTS = 0x2000
export const IPV4_FRAGMENT_OFFSET = 0x1fff

export const IP_PROTOCOL_ICMP = 1
export const IP_PROTOCOL_TCP = 6
export const IP_PROTOCOL_UDP = 17
export const IP_PROTOCOL_ICMPV6 = 58

/** In bytes, options included. */
export function readIpv4HeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at + IPV4_VERSION_IHL) & 0x0f) << 2
}

export function readIpv4TotalLength(view: DataView, at: number): number {
  return view.getUint16(at + IPV4_TOTAL_LENGTH)
}

export function writeIpv4TotalLength(view: DataView, at: number, length: number): void {
  view.setUint16(at + IPV4_TOTAL_LENGTH, length)
}

export function readIpv4Id(view: DataView, at: number): number {
  return view.getUint16(at + IPV4_ID)
}

export function writeIpv4Id(view: DataView, at: number, id: number): void {
  view.setUint16(at + IPV4_ID, id & 0xffff)
}

export function readIpv4Protocol(view: DataView, at: number): number {
  return view.getUint8(at + IPV4_PROTOCOL)
}

/** Unsigned, network order: 192.0.2.1 is 0xc0000201. */
export function readIpv4Source(view: DataView, at: number): number {
  return view.getUint32(at + IPV4_SOURCE)
}

export function readIpv4Destination(view: DataView, at: number): number {
  return view.getUint32(at + IPV4_DESTINATION)
}

/** True for any fragment, the first included. */
export function isIpv4Fragment(view: DataView, at: number): boolean {
  return (view.getUint16(at + IPV4_FRAGMENT) & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET)) !== 0
}

/** A 20-byte header with Don't Fragment set and the checksum left 0: see `writeIpv4Checksum`. */
export function writeIpv4Header(
  view: DataView,
  at: number,
  totalLength: number,
  id: number,
  ttl: number,
  protocol: number,
  source: Uint8Array,
  destination: Uint8Array,
): void {
  view.setUint16(at + IPV4_VERSION_IHL, 0x4500)
  view.setUint16(at + IPV4_TOTAL_LENGTH, totalLength)
  view.setUint16(at + IPV4_ID, id & 0xffff)
  view.setUint16(at + IPV4_FRAGMENT, IPV4_DONT_FRAGMENT)
  view.setUint8(at + IPV4_TTL, ttl)
  view.setUint8(at + IPV4_PROTOCOL, protocol)
  view.setUint16(at + IPV4_CHECKSUM, 0)
  for (let i = 0; i < 4; i++) {
    view.setUint8(at + IPV4_SOURCE + i, source[i])
    view.setUint8(at + IPV4_DESTINATION + i, destination[i])
  }
}
