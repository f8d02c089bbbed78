import type { Filter, FilterProvider, FilterStatus, FlowKey } from '@netaccel/core'
import type { Page, Vi, ViProvider, ViRequest, ViStatus } from '@netaccel/core'
import type { View } from '@netaccel/packet'
import type { Engine } from '@netaccel/xen'
import {
  BUFFER_PAGE,
  FACT_EVENTS,
  FACT_INSTANCE,
  FACT_REVISION,
  FACT_RX,
  FACT_RX_MAX_BUFFERS,
  FACT_TX,
  FACT_TX_MAX_DESCRIPTORS,
  MAX_CAPACITY,
  MIN_CAPACITY,
  REVISION,
  ringPages,
  ROLE_DOORBELL,
  ROLE_EVENT,
  ROLE_RX,
  ROLE_TX,
  RX_MAX_BUFFERS,
  TX_MAX_DESCRIPTORS,
  viPages,
} from '../constants.js'
import type { HostBus } from '../device/bus.js'
import { filterWords } from '../device/filter-key.js'
import { macWords } from '../device/mac-words.js'
import type { NicDevice } from '../device/nic-device.js'
import { NicFilter } from './nic-filter.js'
import { ViHandle } from './vi-handle.js'

type ViPage = Vi['pages'][number]

/** The VIs of a NIC. */
export class NicVis implements ViProvider {
  readonly capacity: number
  /** Another list when one goes, so that it may go while the list is walked. */
  private list: readonly ViHandle[]
  private readonly device: NicDevice
  private readonly bus: HostBus
  private readonly engine: Engine
  private readonly interrupt: () => void
  private open: boolean

  constructor(device: NicDevice, bus: HostBus, engine: Engine, interrupt: () => void) {
    this.capacity = device.vis.capacity
    this.list = []
    this.device = device
    this.bus = bus
    this.engine = engine
    this.interrupt = interrupt
    this.open = true
  }

  /**
   * 'unsupported': capacities that are no powers of two from 64 to 4096, or fewer pages than `viPages` says. 'closed':
   * the port is being reset or is gone.
   */
  create(request: ViRequest): ViHandle | ViStatus {
    const { owner, events, tx, rx, mac } = request
    if (!this.open) return 'closed'
    if (!isCapacity(events) || !isCapacity(tx) || !isCapacity(rx)) return 'unsupported'
    const pages = ringViews(request)
    if (pages.length < viPages(events, tx, rx)) return 'unsupported'
    const address = mac === undefined ? {} : { address: macWords(mac) }
    const hardware = this.device.vis.create(owner, { pages, events, tx, rx, ...address })
    if (hardware === undefined) return 'none-left'
    const handle = new ViHandle({
      device: this.device,
      bus: this.bus,
      engine: this.engine,
      hardware,
      facts: {
        [FACT_EVENTS]: events,
        [FACT_TX]: tx,
        [FACT_RX]: rx,
        [FACT_INSTANCE]: hardware.id,
        [FACT_REVISION]: REVISION,
        [FACT_TX_MAX_DESCRIPTORS]: TX_MAX_DESCRIPTORS,
        [FACT_RX_MAX_BUFFERS]: RX_MAX_BUFFERS,
      },
      pages: pagesOf(request, hardware.doorbell),
      interrupt: this.interrupt,
      closed: (vi) => (this.list = this.list.filter((other) => other !== vi)),
    })
    this.list = [...this.list, handle]
    return handle
  }

  /** Those that are not closed. */
  get handles(): readonly ViHandle[] {
    return this.list
  }

  /** One of this NIC's own that is not closed. */
  has(vi: ViHandle): boolean {
    return this.list.includes(vi)
  }

  /** The hardware has forgotten every VI. No new one until {@link reopen}. */
  kill(): void {
    this.open = false
    for (const handle of this.list) {
      handle.die()
      this.device.vis.destroy(handle.hardware)
    }
    this.list = []
  }

  reopen(): void {
    this.open = true
  }

  /** Delivers the wake-ups that are due. By index: each poll asks, and an iterator of a set is garbage. */
  deliverWakes(): void {
    const { list } = this
    for (let i = 0; i < list.length; i++) if (list[i].wakePending) list[i].deliverWake()
  }
}

/** The receive filters of a NIC. */
export class NicFilters implements FilterProvider {
  readonly capacity: number
  private readonly device: NicDevice
  private readonly vis: NicVis

  constructor(device: NicDevice, vis: NicVis) {
    this.capacity = device.filters.capacity
    this.device = device
    this.vis = vis
  }

  /** See `filterWords`: the shapes of keys that this hardware matches. */
  supports(key: FlowKey): boolean {
    return filterWords(key) !== undefined
  }

  insert(key: FlowKey, vi: Vi): Filter | FilterStatus {
    if (!(vi instanceof ViHandle) || !this.vis.has(vi) || !vi.live) return 'closed'
    const words = filterWords(key)
    if (words === undefined) return 'unsupported'
    const slot = this.device.insertFilter(words, vi.hardware)
    if (typeof slot === 'string') return slot
    const filter = new NicFilter(this.device, slot, key, vi)
    vi.filters.add(filter)
    return filter
  }
}

function isCapacity(entries: number): boolean {
  if (!Number.isInteger(entries) || entries < MIN_CAPACITY || entries > MAX_CAPACITY) return false
  return (entries & (entries - 1)) === 0
}

/** The pages of an arena or of a mapping, one view each. */
function ringViews({ rings }: ViRequest): View[] {
  if (!('offset' in rings)) return rings.pages.slice()
  const { view, bytes, offset, pages } = rings
  return pages.map((_, i) => ({ view, bytes, offset: offset + i * BUFFER_PAGE, length: BUFFER_PAGE }))
}

function pagesOf(request: ViRequest, doorbell: Page): ViPage[] {
  const { rings, events, tx, rx } = request
  const pages: readonly Page[] = 'offset' in rings ? rings.pages : rings.pages.map((page) => page.page)
  const txAt = ringPages(events)
  const rxAt = txAt + ringPages(tx)
  const role = (i: number): string => (i < txAt ? ROLE_EVENT : i < rxAt ? ROLE_TX : ROLE_RX)
  const list: ViPage[] = pages
    .slice(0, rxAt + ringPages(rx))
    .map((page, i) => ({ role: role(i), page, access: i < txAt ? 'ro' : 'rw' }))
  list.push({ role: ROLE_DOORBELL, page: doorbell, access: 'io' })
  return list
}
