import type { Channel, FrontendVif } from '@netaccel/core'
import { AcceptTest } from './accept.js'
import type { Buffers } from './buffers.js'
import { Doorbell } from './doorbell.js'
import { EventQueue } from './event-queue.js'
import type { LroFlows } from './lro-flows.js'
import type { MacTable } from './mac-table.js'
import type { MappedVi } from './mapped-vi.js'
import type { Vnic } from './queue.js'
import { Receiver } from './receiver.js'
import type { ForeignFrames } from './receiver.js'
import { RxFrame } from './rx-frame.js'
import { RxRing } from './rx-ring.js'
import type { Tally } from './tally.js'
import { TxRing } from './tx-ring.js'

export interface VnicParts {
  readonly macs: MacTable
  /** The flows whose segments are merged, and how many of them in order that takes. */
  readonly flows: LroFlows
  readonly slowStart: number
  readonly foreign: ForeignFrames
  readonly channel: Channel
  readonly tally: Tally
  readonly vif: FrontendVif
}

/** A VI with its end of the memory. */
export interface DrivenVnic extends Vnic {
  /** Every buffer goes back to its pool: the NIC does not write any more. */
  releaseReceive(): void
}

/** Puts the guest's end of a mapped VI together. */
export function buildVnic(vi: MappedVi, buffers: Buffers, parts: VnicParts): DrivenVnic {
  const { macs, foreign, channel, tally, vif, flows, slowStart } = parts
  const { pages, receive, assembly, memory, merged } = buffers
  const doorbell = new Doorbell(vi.doorbell)
  const tx = new TxRing(vi.tx, vi.txCapacity, doorbell, buffers, tally)
  const rx = new RxRing(vi.rx, vi.rxCapacity, doorbell, pages, receive, receive.free)
  const partial = new RxFrame(assembly, memory)
  return {
    events: new EventQueue(vi.events, vi.eventCapacity, vi.eventRead, doorbell),
    tx,
    rx,
    receiver: new Receiver(rx, partial, macs, foreign, tally),
    accept: new AcceptTest(macs, tx, vif.mtu),
    lro: merged === null ? null : { flows, pool: merged, memory, tally, slowStart },
    channel,
    tally,
    after(ms, work) {
      if (!vif.signal.aborted) vif.after(ms, work)
    },
    releaseReceive() {
      partial.release()
      rx.releaseAll()
    },
  }
}
