import type { DropCounters } from '@netaccel/core'
import type { Engine } from '@netaccel/xen'
import type { BufferTable } from './buffer-table.js'
import type { FilterTable } from './filter-table.js'
import type { HostQueues } from './host-queues.js'
import type { Meter } from './meter.js'
import type { VirtualInterface } from './virtual-interface.js'
import type { WireLane } from './wire-lane.js'

/** What the parts of one device share. */
export interface DeviceParts {
  readonly name: string
  readonly engine: Engine
  readonly buffers: BufferTable
  readonly filters: FilterTable
  readonly host: HostQueues
  /** By VI id; null: that id is free. */
  readonly vis: (VirtualInterface | null)[]
  /** One above the highest id in use. */
  viTop: number
  readonly drops: DropCounters
  readonly statistics: PortStatistics
  readonly meter: Meter
  /** The cable, or null while none is plugged in. */
  out: WireLane | null
  incoming: WireLane | null
  /** Carrier. */
  link: boolean
  /** False while the port is being reset or is closed: nothing moves. */
  running: boolean
  mtu: number
}

/** Counters of the port, with Linux netdev names; segments and bytes as on the wire. */
export interface PortStatistics {
  txPackets: number
  txBytes: number
  rxPackets: number
  rxBytes: number
  /** Of these: by VIs. */
  viTxPackets: number
  viTxBytes: number
  viRxPackets: number
  viRxBytes: number
}
