/** The UDP header (RFC 768). `at` is where the header begins. */

export const UDP_SOURCE_PORT = 0
export const UDP_DESTINATION_PORT = 2
export const UDP_LENGTH = 4
export const UDP_CHECKSUM = 6
export const UDP_HEADER = 8

export function readSourcePort(view: DataView, at: number): number {
  return view.getUint16(at + UDP_SOURCE_PORT)
}

export function readDestinationPort(view: DataView, at: number): number {
  return view.getUint16(at + UDP_DESTINATION_PORT)
}

/** Header included. */
export function readUdpLength(view: DataView, at: number): number {
  return view.getUint16(at + UDP_LENGTH)
}

/** 0: the sender computed none (legal over IPv4 only). */
export function readUdpChecksum(view: DataView, at: number): number {
  return view.getUint16(at + UDP_CHECKSUM)
}

/** The whole header with the checksum left 0; `length` includes the header. */
export function writeUdpHeader(
  view: DataView,
  at: number,
  sourcePort: number,
  destinationPort: number,
  length: number,
): void {
  view.setUint16(at + UDP_SOURCE_PORT, sourcePort)
  view.setUint16(at + UDP_DESTINATION_PORT, destinationPort)
  view.setUint16(at + UDP_LENGTH, length)
  view.setUint16(at + UDP_CHECKSUM, 0)
}
