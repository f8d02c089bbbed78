import type { DropCounters } from '@netaccel/core'
import type { Frame } from '@netaccel/packet'
import type { Engine } from '@netaccel/xen'
import type { BufferTable } from './buffer-table.js'
import type { Dma } from './dma.js'
import type { FilterTable } from './filter-table.js'
import type { Meter } from './meter.js'
import type { TxPolice } from './tx-police.js'
import type { VirtualInterface } from './virtual-interface.js'
import type { WireLane } from './wire-lane.js'

/**
 * Sees each frame of the port as it is given to the wire and as it has found its buffers; `vi` is the VI that sends or
 * receives it, -1 the driver domain. The frame stays the wire's, and is valid during the call only.
 */
export interface NicObserver {
  sent(frame: Frame, vi: number): void
  received(frame: Frame, vi: number): void
}

/** What the parts of one device share. */
export interface DeviceParts {
  readonly name: string
  readonly engine: Engine
  readonly buffers: BufferTable
  readonly filters: FilterTable
  readonly dma: Dma
  /** The driver's own queue; null until the driver has opened it. */
  host: VirtualInterface | null
  /** By VI id; null: that id is free. */
  readonly vis: (VirtualInterface | null)[]
  /** One above the highest id in use. */
  viTop: number
  readonly drops: DropCounters
  readonly statistics: PortStatistics
  readonly meter: Meter
  /** Null: VIs send what they like. */
  readonly police: TxPolice | null
  /** The cable, or null while none is plugged in. */
  out: WireLane | null
  incoming: WireLane | null
  /** Carrier. */
  link: boolean
  /** False while the port is being reset or is closed: nothing moves. */
  running: boolean
  mtu: number
  /** Null: nobody observes. */
  observer: NicObserver | null
}

/** Counters of the port, with Linux netdev names; segments and bytes as on the wire. `tx` and `rx` are the wire's. */
export interface PortStatistics {
  txPackets: number
  txBytes: number
  rxPackets: number
  rxBytes: number
  /** By VIs of guests. */
  viTxPackets: number
  viTxBytes: number
  /** Segments of VIs' frames that the NIC had fetched and then dropped, under the reason it counts. */
  viTxDroppedPackets: number
  viTxDroppedBytes: number
  viRxPackets: number
  viRxBytes: number
  /** Steered to a VI that had no room for them; its event queue tells the guest. Not in the counts above. */
  viRxMissedPackets: number
  viRxMissedBytes: number
  /** Of those missed: of VIs that were closed before their guests were told. */
  viRxUntoldPackets: number
  viRxUntoldBytes: number
  /** Of those of VIs: in VIs that were closed before their guests had said that they had read them. */
  viRxUnreadPackets: number
  /** Of `viTx`: those that have stayed on this host, which are not in `tx`. */
  viTxLocalPackets: number
  viTxLocalBytes: number
  /** Frames of VIs that the switch was given, a group's copy for this host included. In none of the counts above: */
  switchInPackets: number
  switchInBytes: number
  /** given to VIs, */
  switchViPackets: number
  switchViBytes: number
  /** to VIs that had no room, whose event queues tell so, */
  switchMissedPackets: number
  switchMissedBytes: number
  /** and to the driver domain. */
  switchHostPackets: number
  switchHostBytes: number
}
