import type { IoPage } from '@netaccel/core'
import {
  DOORBELL_EVENT_ARM,
  DOORBELL_EVENT_READ,
  DOORBELL_RX,
  DOORBELL_TX,
} from '@netaccel/nic-sim/constants'

/** The four registers of a VI's doorbell page. Indices are free-running u32. */
export class Doorbell {
  private readonly page: IoPage

  constructor(page: IoPage) {
    this.page = page
  }

  /** TX descriptors before `index` are written. */
  tx(index: number): void {
    this.page.write32(DOORBELL_TX, index)
  }

  /** RX descriptors before `index` are written. */
  rx(index: number): void {
    this.page.write32(DOORBELL_RX, index)
  }

  /** Events before `index` have been read: their places are the NIC's again. */
  eventsRead(index: number): void {
    this.page.write32(DOORBELL_EVENT_READ, index)
  }

  /** As {@link eventsRead}, and asks for one wake-up as soon as the event at `index` is there. */
  arm(index: number): void {
    this.page.write32(DOORBELL_EVENT_ARM, index)
  }
}
