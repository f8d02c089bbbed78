import type { View } from '@netaccel/packet'

/** What {@link AddressSpace.resolve} answers below 0. */
export const NO_RIGHTS = -1
export const SCATTERED = -2

/** Where the buffer addresses in a VI's descriptors lead. */
export interface AddressSpace {
  /**
   * Byte of machine memory at which the `length` bytes (1 or more) at `address` stand. NO_RIGHTS: `vi` may not touch
   * them all (MEM-06). SCATTERED: it may, and their pages do not lie together: ask for one page at a time.
   * An address is 32 bits, signed or not; bit 31 set makes a signed one, which is never boxed.
   */
  resolve(vi: number, address: number, length: number): number
}

/**
 * Physical mode, for the driver's own queue (as the Falcon's kernel queues): an address is a byte of the driver domain's
 * memory, all of which the IOMMU lets the NIC reach, and nothing else.
 */
export class PhysicalSpace implements AddressSpace {
  private readonly base: number
  private readonly length: number

  constructor(memory: View) {
    this.base = memory.offset
    this.length = memory.length
  }

  resolve(_vi: number, address: number, length: number): number {
    return address >= 0 && address + length <= this.length ? this.base + address : NO_RIGHTS
  }
}
