import type { DomainId, Page } from '@netaccel/core'
import { machineFrameOf } from '@netaccel/core'
import type { View } from '@netaccel/packet'
import type { Machine } from '@netaccel/xen'
import { PAGE_SHIFT, PAGE_SIZE } from '@netaccel/xen'
import type { HostBus } from './device/bus.js'

export interface MachineBusOptions {
  readonly machine: Machine
  /** The driver domain, which owns the register pages. */
  readonly domid: DomainId
}

/** The NIC's way to the memory of a {@link Machine}: an IOMMU that knows which domain each frame belongs to. */
export class MachineBus implements HostBus {
  private readonly machine: Machine
  private readonly domid: DomainId

  constructor(options: MachineBusOptions) {
    this.machine = options.machine
    this.domid = options.domid
  }

  memory(page: Page, owner: DomainId): View | undefined {
    if (!this.machine.hasDomain(owner)) return undefined
    const extent = this.machine.extentOf(owner)
    const frame = machineFrameOf(page)
    const at = frame < 0 ? this.ownFrame(page, owner, extent.pages) : (frame << PAGE_SHIFT) - extent.base
    if (!(at >= 0 && at + PAGE_SIZE <= extent.length)) return undefined
    return { view: extent.view, bytes: extent.bytes, offset: at, length: PAGE_SIZE }
  }

  ioPage(written: (offset: number, value: number) => void): Page {
    return this.machine.ioPage(this.domid, written)
  }

  freeIoPage(page: Page): void {
    if (this.machine.io.find(page) !== undefined) this.machine.io.remove(page)
  }

  /** A frame number names a page of the driver domain, so it is good only for a VI of the driver domain itself. */
  private ownFrame(page: Page, owner: DomainId, pages: number): number {
    return owner === this.domid && page >= 0 && page < pages ? page * PAGE_SIZE : -1
  }
}
