import type { DomainId, Page, Vi } from '@netaccel/core'
import type { View } from '@netaccel/packet'
import type { Engine } from '@netaccel/xen'
import type { HostBus } from '../device/bus.js'
import type { NicDevice } from '../device/nic-device.js'
import type { VirtualInterface } from '../device/virtual-interface.js'
import { BUFFER_ENTRIES } from '../constants.js'
import type { NicFilter } from './nic-filter.js'

/** What `Vi.register` answers below 0. */
export const REGISTER_FULL = -1
export const REGISTER_CLOSED = -2
export const REGISTER_NOT_OWNER = -3

export interface ViHandleParts {
  readonly device: NicDevice
  readonly bus: HostBus
  readonly engine: Engine
  readonly hardware: VirtualInterface
  readonly facts: Vi['facts']
  readonly pages: Vi['pages']
  /** There is a wake-up to be delivered on the driver domain's engine. */
  readonly interrupt: () => void
  readonly closed: (vi: ViHandle) => void
}

/** A VI as the driver offers it: core's `Vi` over the hardware's. Dead after `close` and after a reset of the NIC. */
export class ViHandle implements Vi {
  readonly id: number
  readonly owner: DomainId
  readonly facts: Vi['facts']
  readonly pages: Vi['pages']
  readonly hardware: VirtualInterface
  readonly filters: Set<NicFilter>
  /** A wake-up is to be delivered. */
  wakePending: boolean
  private readonly parts: ViHandleParts
  private woken: (() => void) | null
  private alive: boolean

  constructor(parts: ViHandleParts) {
    this.parts = parts
    this.hardware = parts.hardware
    this.id = parts.hardware.id
    this.owner = parts.hardware.owner
    this.facts = parts.facts
    this.pages = parts.pages
    this.filters = new Set()
    this.wakePending = false
    this.woken = null
    this.alive = true
    this.hardware.onWake = () => {
      this.wakePending = true
      parts.interrupt()
    }
  }

  /** True while filters may point to it. */
  get live(): boolean {
    return this.alive && this.hardware.state === 'live'
  }

  register(pages: readonly Page[]): number {
    if (!this.live) return REGISTER_CLOSED
    if (pages.length === 0 || pages.length >= BUFFER_ENTRIES) return REGISTER_FULL
    const views: View[] = []
    for (const page of pages) {
      const view = this.parts.bus.memory(page, this.owner)
      if (view === undefined) return REGISTER_NOT_OWNER
      views.push(view)
    }
    const first = this.parts.device.vis.register(this.hardware, views)
    return first < 0 ? REGISTER_FULL : first
  }

  /** What this VI has not registered stays as it is. */
  unregister(address: number, pages: number): void {
    this.parts.device.buffers.remove(this.id, address, this.alive ? pages : 0)
  }

  onWake(woken: () => void): void {
    this.woken = woken
  }

  /** Runs the guest's wake-up, on the driver domain's engine. */
  deliverWake(): void {
    this.wakePending = false
    if (this.alive && this.woken !== null) this.woken()
  }

  /**
   * Takes nothing new; a frame that is leaving in pieces leaves first. When the signal aborts, the rest of it is
   * dropped and counted. Afterwards the VI neither reads nor writes (MEM-07).
   */
  quiesce(signal: AbortSignal): Promise<void> {
    const { device, engine } = this.parts
    if (!this.alive) return Promise.resolve()
    engine.asyncBegin()
    const { promise, resolve } = settleable()
    const force = (): void => device.vis.stop(this.hardware)
    device.vis.quiesce(this.hardware, resolve)
    if (signal.aborted) force()
    else signal.addEventListener('abort', force)
    return promise.finally(() => {
      signal.removeEventListener('abort', force)
      engine.asyncEnd()
    })
  }

  close(): void {
    if (!this.alive) return
    this.die()
    this.parts.device.vis.destroy(this.hardware)
    this.parts.closed(this)
  }

  /** The NIC was reset or is gone: the hardware knows nothing of this VI any more. */
  die(): void {
    this.alive = false
    this.woken = null
    for (const filter of this.filters) filter.forget()
    this.filters.clear()
  }
}

function settleable(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
