import type { Frame } from '@netaccel/packet'
import { XEN_NETTXF_CSUM_BLANK, XEN_NETTXF_DATA_VALIDATED } from '@netaccel/xen/netif'

const PAGE = 4096
/** A frame's first slot must hold the Ethernet header, or netback refuses the packet. */
export const LEAST_HEAD = 14

/** One slot is all that the frame needs, in the memory that the backend can be granted. */
export function isPlain(frame: Frame, memory: Uint8Array): boolean {
  const { length } = frame
  return (
    length >= LEAST_HEAD &&
    (frame.offset & (PAGE - 1)) + length <= PAGE &&
    frame.gsoSize === 0 &&
    frame.bytes === memory
  )
}

export function checksumFlags(frame: Frame): number {
  if (frame.checksum === 'blank') return XEN_NETTXF_CSUM_BLANK | XEN_NETTXF_DATA_VALIDATED
  return frame.checksum === 'verified' ? XEN_NETTXF_DATA_VALIDATED : 0
}
