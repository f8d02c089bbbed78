/** The IPv6 header (RFC 8200). `at` is where the header begins. */

export const IPV6_VERSION_FLOW = 0
export const IPV6_PAYLOAD_LENGTH = 4
export const IPV6_NEXT_HEADER = 6
export const IPV6_HOP_LIMIT = 7
export const IPV6_SOURCE = 8
export const IPV6_DESTINATION = 24
export const IPV6_HEADER = 40

/** Extension headers that stand between the fixed header and layer 4. */
export const IPV6_HOP_BY_HOP = 0
export const IPV6_ROUTING = 43
export const IPV6_FRAGMENT = 44
export const IPV6_AUTHENTICATION = 51
export const IPV6_DESTINATION_OPTIONS = 60

/** Bytes behind the fixed header, extension headers included. */
export function readIpv6PayloadLength(view: DataView, at: number): number {
  return view.getUint16(at + IPV6_PAYLOAD_LENGTH)
}

export function writeIpv6PayloadLength(view: DataView, at: number, length: number): void {
  view.setUint16(at + IPV6_PAYLOAD_LENGTH, length)
}

export function readIpv6NextHeader(view: DataView, at: number): number {
  return view.getUint8(at + IPV6_NEXT_HEADER)
}

/** The fixed 40 bytes, flow label 0; addresses as 16 bytes each. */
export function writeIpv6Header(
  view: DataView,
  at: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
  source: Uint8Array,
  destination: Uint8Array,
): void {
  view.setUint32(at + IPV6_VERSION_FLOW, 0x60000000)
  view.setUint16(at + IPV6_PAYLOAD_LENGTH, payloadLength)
  view.setUint8(at + IPV6_NEXT_HEADER, nextHeader)
  view.setUint8(at + IPV6_HOP_LIMIT, hopLimit)
  for (let i = 0; i < 16; i++) {
    view.setUint8(at + IPV6_SOURCE + i, source[i])
    view.setUint8(at + IPV6_DESTINATION + i, destination[i])
  }
}
