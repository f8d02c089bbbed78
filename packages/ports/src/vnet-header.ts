import { segmentCount } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'

/**
 * The header that stands before each frame of a TAP opened with IFF_VNET_HDR: Linux `struct virtio_net_hdr`, in the
 * machine's byte order (little-endian). It tells what the sender left to be done: a checksum, a segmentation.
 */
export const VNET_HEADER = 10
export const VNET_FLAGS = 0
export const VNET_GSO_TYPE = 1
export const VNET_HEADER_LENGTH = 2
export const VNET_GSO_SIZE = 4
export const VNET_CHECKSUM_START = 6
export const VNET_CHECKSUM_OFFSET = 8

/** The checksum field holds the pseudo-header's sum only; finish it from `csum_start` on. */
export const VNET_NEEDS_CSUM = 1
/** The checksum was verified. */
export const VNET_DATA_VALID = 2

export const VNET_GSO_NONE = 0
export const VNET_GSO_TCPV4 = 1
export const VNET_GSO_TCPV6 = 4
/** Set beside a type when the first segment alone has CWR. */
export const VNET_GSO_ECN = 0x80

/** Where the data offset stands in a TCP header; the upper four bits are 32-bit words. */
const TCP_DATA_OFFSET = 12

/**
 * Take over what the header at `at` says of `frame`, whose bytes and length are set already.
 * False, and the frame described as an ordinary one, when the header does not fit the frame or names a kind of
 * segmentation that was not asked for.
 */
export function readVnetHeader(view: DataView, at: number, frame: Frame): boolean {
  const flags = view.getUint8(at + VNET_FLAGS)
  const type = view.getUint8(at + VNET_GSO_TYPE) & ~VNET_GSO_ECN
  frame.gsoSize = 0
  frame.gsoType = 'none'
  frame.segments = 1
  frame.checksum = (flags & VNET_DATA_VALID) !== 0 ? 'verified' : 'none'
  if ((flags & VNET_NEEDS_CSUM) !== 0) {
    const start = view.getUint16(at + VNET_CHECKSUM_START, true)
    const offset = view.getUint16(at + VNET_CHECKSUM_OFFSET, true)
    if (start + offset + 2 > frame.length) return false
    frame.checksum = 'blank'
    frame.checksumStart = start
    frame.checksumOffset = offset
  }
  if (type === VNET_GSO_NONE) return true
  const size = view.getUint16(at + VNET_GSO_SIZE, true)
  if (size === 0 || (type !== VNET_GSO_TCPV4 && type !== VNET_GSO_TCPV6)) return false
  frame.gsoSize = size
  frame.gsoType = type === VNET_GSO_TCPV4 ? 'tcpv4' : 'tcpv6'
  frame.segments = segmentCount(frame)
  return true
}

/** Write the header for `frame` at `at`. */
export function writeVnetHeader(view: DataView, at: number, frame: Frame): void {
  const blank = frame.checksum === 'blank'
  const flags = blank ? VNET_NEEDS_CSUM : frame.checksum === 'verified' ? VNET_DATA_VALID : 0
  view.setUint8(at + VNET_FLAGS, flags)
  view.setUint16(at + VNET_CHECKSUM_START, blank ? frame.checksumStart : 0, true)
  view.setUint16(at + VNET_CHECKSUM_OFFSET, blank ? frame.checksumOffset : 0, true)
  const cut = frame.gsoSize !== 0 && frame.gsoType !== 'none'
  const type = !cut ? VNET_GSO_NONE : frame.gsoType === 'tcpv4' ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6
  view.setUint8(at + VNET_GSO_TYPE, type)
  view.setUint16(at + VNET_GSO_SIZE, cut ? frame.gsoSize : 0, true)
  view.setUint16(at + VNET_HEADER_LENGTH, cut && blank ? headerLength(frame) : 0, true)
}

/** Bytes up to the TCP payload: a hint with which the kernel sizes the linear part of its buffer. */
function headerLength(frame: Frame): number {
  const dataOffset = frame.checksumStart + TCP_DATA_OFFSET
  if (dataOffset >= frame.length) return frame.checksumStart
  return frame.checksumStart + (frame.view.getUint8(frame.offset + dataOffset) >>> 4) * 4
}
