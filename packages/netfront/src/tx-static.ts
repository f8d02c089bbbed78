// Stage 3s of a frame's way out, for pages that the backend keeps mapped: no grant operation.
import type { Frame } from '@netaccel/packet'
import type { FrontRing, Work } from '@netaccel/xen'
import { writeTxRequest, XEN_NETIF_TX_SLOT_BYTES } from '@netaccel/xen/netif'
import type { StaticRefs } from './control/static-grants.js'
import type { QueueCounters } from './counters.js'
import { checksumFlags, isPlain } from './tx-plain.js'
import type { TxPool } from './tx-pool.js'
import { nextOf, onlyWord, OUT } from './tx-slots.js'
import type { TxSlots } from './tx-slots.js'

const PAGE = 4096

/** Of a TX ring. */
export interface StaticParts {
  readonly ring: FrontRing
  readonly pool: TxPool
  readonly counters: QueueCounters
  readonly work: Work
}

/**
 * As `TxRing.sendPlain`, of frames that lie in pages of `statics`, for as long as each does; at most `room`. Their requests
 * bear the page's reference. What has no grant of its own has none to be ended.
 */
export function sendStatic(
  { counters, pool, ring, work }: StaticParts,
  slots: TxSlots,
  { firstPage, refs }: StaticRefs,
  frames: readonly Frame[],
  from: number,
  to: number,
  room: number,
): number {
  const { words: ids, frames: out } = slots
  const { words, mask, slots: firstSlot } = ring
  const memory = pool.small.arena.bytes
  const end = to - from < room ? to : from + room
  const produced = ring.reqProdPvt
  if (slots.idsOut === 0) slots.granted = false
  let id = slots.freeId
  let bytes = 0
  let segments = 0
  let at = from
  for (; at < end; at++) {
    const frame = frames[at]
    if (!isPlain(frame, memory)) break
    const { length, offset } = frame
    const page = (offset >>> 12) - firstPage
    if (page < 0 || page >= refs.length) break
    const slot = firstSlot + ((produced + (at - from)) & mask) * XEN_NETIF_TX_SLOT_BYTES
    writeTxRequest(words, slot, refs[page], offset & (PAGE - 1), checksumFlags(frame), id, length)
    const next = nextOf(ids[id])
    ids[id] = onlyWord(id, OUT)
    out[id] = frame
    id = next
    bytes += length
    segments += frame.segments
  }
  const sent = at - from
  if (sent <= 0) return 0
  ring.reqProdPvt = (produced + sent) >>> 0
  slots.taken(id, sent, sent)
  counters.tx_packets += sent
  counters.tx_bytes += bytes
  counters.tx_segments += segments
  work.frames += sent
  work.slots += sent
  return sent
}
