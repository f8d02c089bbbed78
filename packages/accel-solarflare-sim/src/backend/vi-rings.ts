import type { BackendVif, Page, Vi, VifScope } from '@netaccel/core'
import {
  FACT_EVENTS,
  FACT_INSTANCE,
  FACT_REVISION,
  FACT_RX,
  FACT_TX,
  ringPages,
  ROLE_DOORBELL,
  ROLE_EVENT,
  ROLE_RX,
  ROLE_TX,
  viPages,
} from '@netaccel/nic-sim/constants'
import { HW_FALCON_B, HW_NONE, MAX_EVENT_PAGES } from '../shared/words.js'
import type { SetHw } from '../shared/words.js'

/** etherfabric's architecture number of the Falcon, and the letter of its variant. */
const ARCH_FALCON = 1
const VARIANT_B = 'B'.charCodeAt(0)

export interface RingSizes {
  readonly events: number
  readonly tx: number
  readonly rx: number
}

/** What SETHW says when there is no VI: the guest goes on without. */
export const NO_HARDWARE: SetHw = {
  type: HW_NONE,
  txGrant: 0,
  rxGrant: 0,
  doorbellMfn: 0,
  doorbellGrant: 0,
  eventGrants: [0],
  eventOffset: 0,
  eventOrder: 0,
  eventCapacity: 0,
  eventRead: 0,
  instance: 0,
  rxCapacity: 0,
  txCapacity: 0,
  arch: 0,
  revision: 0,
  variant: 0,
}

/** The VI for one guest, its rings in our own pages; or the reason why there is none. */
export function createVi(vif: BackendVif, memory: VifScope, sizes: RingSizes): Vi | string {
  if (ringPages(sizes.events) > MAX_EVENT_PAGES || ringPages(sizes.tx) > 1 || ringPages(sizes.rx) > 1)
    return 'its rings do not fit the message'
  const rings = memory.arena(viPages(sizes.events, sizes.tx, sizes.rx))
  const vi = vif.createVi({ owner: vif.peer, ...sizes, rings })
  return typeof vi === 'string' ? `the NIC says '${vi}'` : vi
}

/** Grants the VI's pages to the guest, and says so. Throws NO_GRANTS. */
export function describeVi(memory: VifScope, vi: Vi): SetHw {
  const grants = (role: string) => pagesOf(vi, role).map(({ page, access }) => memory.grant(page, access))
  const eventGrants = grants(ROLE_EVENT)
  const [txGrant] = grants(ROLE_TX)
  const [rxGrant] = grants(ROLE_RX)
  const [doorbell] = pagesOf(vi, ROLE_DOORBELL)
  return {
    type: HW_FALCON_B,
    txGrant,
    rxGrant,
    doorbellMfn: doorbell.page,
    doorbellGrant: memory.grant(doorbell.page, 'io'),
    eventGrants,
    eventOffset: 0,
    eventOrder: Math.log2(eventGrants.length),
    eventCapacity: vi.facts[FACT_EVENTS],
    eventRead: 0,
    instance: vi.facts[FACT_INSTANCE],
    rxCapacity: vi.facts[FACT_RX],
    txCapacity: vi.facts[FACT_TX],
    arch: ARCH_FALCON,
    revision: vi.facts[FACT_REVISION],
    variant: VARIANT_B,
  }
}

function pagesOf(vi: Vi, role: string): readonly { page: Page; access: 'ro' | 'rw' | 'io' }[] {
  return vi.pages.filter((page) => page.role === role)
}
