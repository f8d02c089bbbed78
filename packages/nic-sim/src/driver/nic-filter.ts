import type { Filter, FlowKey } from '@netaccel/core'
import type { NicDevice } from '../device/nic-device.js'
import type { ViHandle } from './vi-handle.js'

/** One filter in the NIC's table, as the driver offers it. */
export class NicFilter implements Filter {
  readonly key: FlowKey
  readonly vi: ViHandle
  private readonly device: NicDevice
  private readonly slot: number
  private live: boolean
  private lastHits: number

  constructor(device: NicDevice, slot: number, key: FlowKey, vi: ViHandle) {
    this.device = device
    this.slot = slot
    this.key = key
    this.vi = vi
    this.live = true
    this.lastHits = 0
  }

  /** Frames matched; after the removal: until then. */
  hits(): number {
    return this.live ? this.device.filters.hits(this.slot) : this.lastHits
  }

  /** From here on it matches nothing (FL-06). A second call does nothing: the slot may be another's by then. */
  remove(): void {
    if (!this.live) return
    this.forget()
    this.vi.filters.delete(this)
    this.device.removeFilter(this.slot)
  }

  /** The hardware has dropped it already, or will. */
  forget(): void {
    this.lastHits = this.hits()
    this.live = false
  }
}
