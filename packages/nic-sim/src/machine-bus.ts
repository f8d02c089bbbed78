import type { DomainId, Page } from '@netaccel/core'
import { machineFrameOf } from '@netaccel/core'
import type { View, WordView } from '@netaccel/packet'
import { wordsOf } from '@netaccel/packet'
import type { CopyEngine, Machine } from '@netaccel/xen'
import { copyEngine, PAGE_SHIFT, PAGE_SIZE } from '@netaccel/xen'
import type { HostBus } from './device/bus.js'

export interface MachineBusOptions {
  readonly machine: Machine
  /** The driver domain, which owns the register pages. */
  readonly domid: DomainId
}

/** The NIC's way to the memory of a {@link Machine}: an IOMMU that knows which domain each frame belongs to. */
export class MachineBus implements HostBus {
  readonly words: WordView
  readonly copies: CopyEngine
  readonly driverMemory: View
  private readonly machine: Machine
  private readonly domid: DomainId

  constructor(options: MachineBusOptions) {
    this.machine = options.machine
    this.domid = options.domid
    const { bytes, view } = options.machine
    const { base, length } = options.machine.extentOf(options.domid)
    this.words = wordsOf(bytes, view)
    this.copies = copyEngine(options.machine)
    this.driverMemory = { view, bytes, offset: base, length }
  }

  driverReaches(place: number): boolean {
    return this.machine.iommuReaches(this.domid, place)
  }

  memory(page: Page, owner: DomainId): View | undefined {
    if (!this.machine.hasDomain(owner)) return undefined
    const extent = this.machine.extentOf(owner)
    const frame = machineFrameOf(page)
    const at = frame < 0 ? this.ownFrame(page, owner, extent.pages) : (frame << PAGE_SHIFT) - extent.base
    if (!(at >= 0 && at + PAGE_SIZE <= extent.length)) return undefined
    const { view, bytes } = this.words
    return { view, bytes, offset: extent.base + at, length: PAGE_SIZE }
  }

  /** Takes no more than half of what is left: what a domain or a table may want later goes before a faster NIC. */
  buffer(bytes: number): View | undefined {
    const pages = Math.ceil(bytes / PAGE_SIZE)
    if (pages > this.machine.pagesFree >>> 1) return undefined
    const { view, bytes: all } = this.words
    try {
      return { view, bytes: all, offset: this.machine.takePages(pages), length: pages * PAGE_SIZE }
    } catch {
      // So many, but not in one piece.
      return undefined
    }
  }

  freeBuffer(buffer: View): void {
    this.machine.givePages(buffer.offset, buffer.length / PAGE_SIZE)
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
