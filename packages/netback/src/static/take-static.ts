// Stage 4s of a frame's way out, for pages that stay mapped: no grant operation.
import { copyBytes, ETH_HEADER } from '@netaccel/packet'
import { COPY_BATCH } from '@netaccel/xen'
import type { BackRing, Work } from '@netaccel/xen'
import {
  txFlags,
  txId,
  txOffset,
  txSize,
  XEN_NETIF_TX_SLOT_BYTES,
  XEN_NETTXF_CSUM_BLANK,
  XEN_NETTXF_DATA_VALIDATED,
  XEN_NETTXF_EXTRA_INFO,
  XEN_NETTXF_MORE_DATA,
} from '@netaccel/xen/netif'
import type { GuestFrames } from '../guest-frames.js'
import { plainWord } from '../tx-batch.js'
import type { TxBatch } from '../tx-batch.js'
import type { StaticGrants } from './static-grants.js'

const PAGE = 4096
const NOT_PLAIN = XEN_NETTXF_MORE_DATA | XEN_NETTXF_EXTRA_INFO
/** Below this a loop over words is quicker than a call into the copy engine. */
const WORDS_BELOW = 256
const CHECKSUM_FLAGS = XEN_NETTXF_CSUM_BLANK | XEN_NETTXF_DATA_VALIDATED

/**
 * Take plain packets that lie in pages of `statics`, at most `most`, until one does not, or the batch is full, or no frame is
 * free; returns how many. They pass the same checks as any plain packet; each is copied at once, and cannot fail. The
 * batch has no copies queued.
 */
export function takeStatic(
  ring: BackRing,
  most: number,
  statics: StaticGrants,
  batch: TxBatch,
  frames: GuestFrames,
  work: Work,
): number {
  const { mask, slots, words } = ring
  const { base, engine, memory, place } = statics
  const first = ring.reqCons
  const room = COPY_BATCH - batch.packets
  const limit = most < room ? most : room
  let packet = batch.packets
  let bytes = 0
  let taken = 0
  for (; taken < limit; taken++) {
    const word = (slots + ((first + taken) & mask) * XEN_NETIF_TX_SLOT_BYTES) >> 2
    const ref = words[word] >>> 0
    const second = words[word + 1]
    const third = words[word + 2]
    const flags = txFlags(second)
    const offset = txOffset(second)
    const size = txSize(third)
    if ((flags & NOT_PLAIN) !== 0 || size < ETH_HEADER || offset + size > PAGE || ref >= place.length) break
    const page = place[ref]
    if (page === 0) break
    const frame = frames.take(size)
    if (frame === null) break
    if (size < WORDS_BELOW) copyBytes(frame.words, frame.offset, memory, page + offset, size)
    else engine.copy(base + frame.offset, page + offset, size)
    batch.setCopied(packet++, frame, size, plainWord(txId(third), flags & CHECKSUM_FLAGS))
    bytes += size
  }
  batch.packets = packet
  ring.reqCons = (first + taken) >>> 0
  work.slots += taken
  work.bytesCopied += bytes
  return taken
}
