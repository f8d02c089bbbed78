import type { View, WordView } from '@netaccel/packet'
import type { DomainId, Page } from '@netaccel/core'
import type { CopyEngine } from '@netaccel/xen'

/** What moves and sums bytes for a device. */
export type DmaCopies = Pick<CopyEngine, 'copy' | 'checksum' | 'moveFrames'>

/**
 * What the NIC is plugged into: the machine's memory behind an IOMMU, and register pages that a guest can map.
 * The host gives one to each device; it is the only way in which the device reaches memory.
 */
export interface HostBus {
  /** All of the machine's memory: DMA moves bytes in it, and the views below are stretches of it. */
  readonly words: WordView
  /** Moves and sums bytes within it. */
  readonly copies: DmaCopies
  /** The driver domain's memory, which the IOMMU lets the NIC reach for the driver's own queue by physical address. */
  readonly driverMemory: View
  /** The same of the page at byte `place` of machine memory, which a guest has granted: it is mapped now. */
  driverReaches(place: number): boolean
  /**
   * The machine frame behind `page`, for DMA, if it is a page that `owner` owns or has mapped for this; undefined:
   * not its page (MEM-06). The view stays good until the page is unregistered.
   */
  memory(page: Page, owner: DomainId): View | undefined
  /**
   * Machine memory of no domain's for the NIC's own packet buffer, on a page boundary; undefined: the machine has no
   * `bytes` left. Given back with {@link freeBuffer}.
   */
  buffer(bytes: number): View | undefined
  freeBuffer(buffer: View): void
  /** A page of device registers: `written` runs at each 32-bit write, in whatever step the writer is. */
  ioPage(written: (offset: number, value: number) => void): Page
  /** Takes a register page back; writes that still come in are lost. */
  freeIoPage(page: Page): void
}
