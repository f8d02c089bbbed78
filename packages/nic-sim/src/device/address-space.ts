import type { View } from '@netaccel/packet'
import { BUFFER_PAGE } from '../constants.js'

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

/** What of the machine the IOMMU lets the NIC reach for the driver domain, beside that domain's own memory. */
export interface Iommu {
  /** The page at byte `place` of machine memory: the driver domain has a grant of it mapped. */
  driverReaches(place: number): boolean
}

/**
 * Physical mode, for the driver's own queue (as the Falcon's kernel queues): an address counts from the beginning of the
 * driver domain's memory, all of which the IOMMU lets the NIC reach. What lies outside it is reached page by page, while the
 * driver domain has a grant of the page mapped.
 */
export class PhysicalSpace implements AddressSpace {
  private readonly base: number
  private readonly length: number
  private readonly iommu: Iommu

  constructor(memory: View, iommu: Iommu) {
    this.base = memory.offset
    this.length = memory.length
    this.iommu = iommu
  }

  resolve(_vi: number, address: number, length: number): number {
    const place = this.base + address
    if (address >= 0 && address + length <= this.length) return place
    return place >= 0 && this.isGranted(place, length) ? place : NO_RIGHTS
  }

  private isGranted(place: number, length: number): boolean {
    return (place & (BUFFER_PAGE - 1)) + length <= BUFFER_PAGE && this.iommu.driverReaches(place)
  }
}
