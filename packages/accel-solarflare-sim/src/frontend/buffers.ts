import type { Arena, FramePool, FrontendVif, WordView } from '@netaccel/core'
import { ETH_HEADER, wordsOf } from '@netaccel/core'
import { RX_MAX_BUFFERS } from '@netaccel/nic-sim/constants'
import type { Allotment } from './allotment.js'
import { CopyRing } from './copy-ring.js'
import { LRO_BYTES } from './lro.js'
import { PageTable } from './page-table.js'
import { Registration } from './registration.js'
import { RX_BUFFER } from './sizes.js'

const VLAN_TAG = 4
/** Frames put together at once: of a jumbo MTU, and of one whose frames fit one buffer unless it is raised later. */
const JUMBO_FRAMES = 64
const SPARE_FRAMES = 4
/** Merged frames that may be with the stack at once; beyond, segments are not merged. */
const MERGED_FRAMES = 16

/** All memory of one attachment that the NIC, or putting frames together, needs. */
export interface Buffers {
  readonly pages: PageTable
  readonly copies: CopyRing | null
  /** The guest's memory, in which all frames lie. */
  readonly memory: WordView
  readonly receive: FramePool
  readonly assembly: FramePool
  /** Frames that received segments are merged into; null: they are not. */
  readonly merged: FramePool | null
  readonly registration: Registration
}

/** Takes the memory through the vif's doors. Throws NO_MEMORY; the scope undoes what was taken. */
export function takeBuffers(vif: FrontendVif, allotment: Allotment, lro: boolean): Buffers {
  const receive = vif.pool(allotment.receive * 2, RX_BUFFER)
  const copy = allotment.copy > 0 ? vif.arena(allotment.copy) : undefined
  const isJumbo = vif.mtu + ETH_HEADER + VLAN_TAG > RX_BUFFER
  const assembly = vif.pool(isJumbo ? JUMBO_FRAMES : SPARE_FRAMES, RX_MAX_BUFFERS * RX_BUFFER)
  const sent: readonly Arena[] = copy === undefined ? vif.txArenas : [copy]
  const registered = [receive.arena, ...sent]
  const pages = new PageTable(registered)
  return {
    pages,
    copies: copy === undefined ? null : new CopyRing(copy),
    memory: wordsOf(receive.arena.bytes),
    receive,
    assembly,
    merged: lro ? vif.pool(MERGED_FRAMES, LRO_BYTES) : null,
    registration: new Registration(registered, pages, (page) => vif.grant(page, 'rw')),
  }
}
