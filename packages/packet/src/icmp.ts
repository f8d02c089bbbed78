/** ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443): the same 8 bytes but for the type. */

export const ICMP_TYPE = 0
export const ICMP_CODE = 1
export const ICMP_CHECKSUM = 2
export const ICMP_ECHO_ID = 4
export const ICMP_ECHO_SEQUENCE = 6
export const ICMP_ECHO_HEADER = 8

export const ICMP_ECHO_REPLY = 0
export const ICMP_ECHO_REQUEST = 8
export const ICMPV6_ECHO_REQUEST = 128
export const ICMPV6_ECHO_REPLY = 129

export function readIcmpType(view: DataView, at: number): number {
  return view.getUint8(at + ICMP_TYPE)
}

export function writeIcmpType(view: DataView, at: number, type: number): void {
  view.setUint8(at + ICMP_TYPE, type)
}

export function readEchoId(view: DataView, at: number): number {
  return view.getUint16(at + ICMP_ECHO_ID)
}

export function readEchoSequence(view: DataView, at: number): number {
  return view.getUint16(at + ICMP_ECHO_SEQUENCE)
}

/** The 8-byte echo header, code 0, with the checksum left 0. */
export function writeEchoHeader(
  view: DataView,
  at: number,
  type: number,
  id: number,
  sequence: number,
): void {
  view.setUint8(at + ICMP_TYPE, type)
  view.setUint8(at + ICMP_CODE, 0)
  view.setUint16(at + ICMP_CHECKSUM, 0)
  view.setUint16(at + ICMP_ECHO_ID, id & 0xffff)
  view.setUint16(at + ICMP_ECHO_SEQUENCE, sequence & 0xffff)
}
