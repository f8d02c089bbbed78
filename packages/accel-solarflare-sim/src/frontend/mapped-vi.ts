import type { IoPage, VifScope, View } from '@netaccel/core'
import { ENTRY_BYTES, MAX_CAPACITY, MIN_CAPACITY } from '@netaccel/nic-sim/constants'
import { HW_FALCON_B } from '../shared/words.js'
import type { SetHw } from '../shared/words.js'

const PAGE = 4096
/** Entries of a ring that one grant covers. */
const PAGE_ENTRIES = PAGE / ENTRY_BYTES

/** The rings and the doorbell of a VI, mapped into the guest. */
export interface MappedVi {
  readonly events: View
  readonly tx: View
  readonly rx: View
  readonly doorbell: IoPage
  readonly eventCapacity: number
  readonly txCapacity: number
  readonly rxCapacity: number
  readonly eventRead: number
}

/** What is wrong with a SETHW message; undefined: nothing. */
export function checkSetHw(hw: SetHw): string | undefined {
  if (hw.type !== HW_FALCON_B) return `hardware of type ${hw.type}`
  if (hw.eventOrder > 3 || hw.eventOffset !== 0) return `an event queue of order ${hw.eventOrder}`
  if (hw.eventCapacity !== PAGE_ENTRIES << hw.eventOrder) return `${hw.eventCapacity} events in its pages`
  for (const capacity of [hw.txCapacity, hw.rxCapacity]) {
    const isPower = capacity >= MIN_CAPACITY && capacity <= PAGE_ENTRIES && (capacity & (capacity - 1)) === 0
    if (!isPower) return `a descriptor ring of ${capacity}`
  }
  // Each descriptor may have an event outstanding, and a full queue would lose some.
  if (hw.eventCapacity > MAX_CAPACITY || hw.eventCapacity < hw.txCapacity + hw.rxCapacity)
    return `${hw.eventCapacity} events for ${hw.txCapacity} + ${hw.rxCapacity} descriptors`
  return undefined
}

/** Maps what the message grants. A text: what could not be mapped, and why; closing the scope undoes the rest. */
export function mapVi(scope: VifScope, hw: SetHw): MappedVi | string {
  const wrong = checkSetHw(hw)
  if (wrong !== undefined) return wrong
  // The guest only reads events.
  const events = scope.map(hw.eventGrants, 'ro')
  if (typeof events === 'number') return `event queue: grant status ${events}`
  const tx = scope.map([hw.txGrant], 'rw')
  if (typeof tx === 'number') return `TX ring: grant status ${tx}`
  const rx = scope.map([hw.rxGrant], 'rw')
  if (typeof rx === 'number') return `RX ring: grant status ${rx}`
  const doorbell = scope.mapIo(hw.doorbellGrant)
  if (typeof doorbell === 'number') return `doorbell: grant status ${doorbell}`
  const { whole } = events
  if (whole === undefined) return 'the pages of the event queue do not lie together'
  return {
    events: whole,
    tx: tx.pages[0],
    rx: rx.pages[0],
    doorbell,
    eventCapacity: hw.eventCapacity,
    txCapacity: hw.txCapacity,
    rxCapacity: hw.rxCapacity,
    eventRead: hw.eventRead,
  }
}
