/** The TCP header (RFC 9293). `at` is where the header begins. */

export const TCP_SOURCE_PORT = 0
export const TCP_DESTINATION_PORT = 2
export const TCP_SEQUENCE = 4
export const TCP_ACKNOWLEDGEMENT = 8
export const TCP_DATA_OFFSET = 12
export const TCP_FLAGS = 13
export const TCP_WINDOW = 14
export const TCP_CHECKSUM = 16
export const TCP_URGENT = 18
/** Without options. */
export const TCP_HEADER = 20

export const TCP_FIN = 0x01
export const TCP_SYN = 0x02
export const TCP_RST = 0x04
export const TCP_PSH = 0x08
export const TCP_ACK = 0x10
export const TCP_URG = 0x20
export const TCP_ECE = 0x40
export const TCP_CWR = 0x80

/** In bytes, options included. */
export function readTcpHeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at + TCP_DATA_OFFSET) >>> 4) << 2
}

export function readTcpSequence(view: DataView, at: number): number {
  return view.getUint32(at + TCP_SEQUENCE)
}

/** Sequence numbers are modulo 2^32. */
export function writeTcpSequence(view: DataView, at: number, sequence: number): void {
  view.setUint32(at + TCP_SEQUENCE, sequence >>> 0)
}

export function readTcpAcknowledgement(view: DataView, at: number): number {
  return view.getUint32(at + TCP_ACKNOWLEDGEMENT)
}

export function readTcpFlags(view: DataView, at: number): number {
  return view.getUint8(at + TCP_FLAGS)
}

export function writeTcpFlags(view: DataView, at: number, flags: number): void {
  view.setUint8(at + TCP_FLAGS, flags)
}

export function readTcpChecksum(view: DataView, at: number): number {
  return view.getUint16(at + TCP_CHECKSUM)
}

/** A 20-byte header with the checksum left 0. */
export function writeTcpHeader(
  view: DataView,
  at: number,
  sourcePort: number,
  destinationPort: number,
  sequence: number,
  acknowledgement: number,
  flags: number,
  window: number,
): void {
  view.setUint16(at + TCP_SOURCE_PORT, sourcePort)
  view.setUint16(at + TCP_DESTINATION_PORT, destinationPort)
  view.setUint32(at + TCP_SEQUENCE, sequence >>> 0)
  view.setUint32(at + TCP_ACKNOWLEDGEMENT, acknowledgement >>> 0)
  view.setUint8(at + TCP_DATA_OFFSET, (TCP_HEADER >>> 2) << 4)
  view.setUint8(at + TCP_FLAGS, flags)
  view.setUint16(at + TCP_WINDOW, window)
  view.setUint32(at + TCP_CHECKSUM, 0)
}
