// A whole accelerator for tests: frames between two guests of one host go through shared pages, past ring and bridge.
// It is written on the public contract alone. Frames of up to one slot to the one other guest are carried; all else is
// declined.
import type { AcceleratedVif, BackendVif, FrontendVif, ProbedVif, VifChange, View } from '@netaccel/core'

export const LANE_SLOTS = 32
export const SLOT = 2048
export const SLOT_HEADER = 8
const DATA_PAGES = (LANE_SLOTS * SLOT) / 4096
export const PAGES = 1 + 2 * DATA_PAGES
// Words of the first page.
export const TX_PROD = 0
export const TX_CONS = 4
export const RX_PROD = 8
export const RX_CONS = 12
export const OPEN = 16
export const PEER_MAC = 20
export const TX_DATA = 4096
export const RX_DATA = TX_DATA + DATA_PAGES * 4096

/** What both ends read and write: free-running indices and slots of a length, 4 spare bytes and the frame. */
export class Lane {
  readonly view: View

  constructor(view: View) {
    this.view = view
  }

  get(word: number): number {
    return this.view.view.getUint32(this.view.offset + word, true)
  }

  set(word: number, value: number): void {
    this.view.view.setUint32(this.view.offset + word, value >>> 0, true)
  }

  used(prod: number, cons: number): number {
    return (this.get(prod) - this.get(cons)) >>> 0
  }

  slot(data: number, index: number): number {
    return this.view.offset + data + (index % LANE_SLOTS) * SLOT
  }
}

export function copyFrame(from: View, at: number, to: View, toAt: number, length: number): void {
  for (let i = 0; i < length; i++) to.bytes[toAt + i] = from.bytes[at + i]
}

/** What a test can ask of the plugin's misbehaviour; everything off for a good citizen. */
export interface LaneManners {
  /** Called in each hook with its name; may throw. */
  hook?(name: string): void
  change?(change: VifChange): void
  /** Never complete what was lent. */
  keep?: boolean
  /** Instead of the plugin's own. */
  newDevice?(vif: FrontendVif): Promise<AcceleratedVif | 'declined'>
  /** Awaited before the plugin's own. */
  remove?(): Promise<void>
  stop?(): Promise<void>
  probed?(vif: BackendVif): void
  probe?(vif: BackendVif): Promise<ProbedVif | 'declined'>
  start?(): void
}
