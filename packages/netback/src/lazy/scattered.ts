import { headLength } from '@netaccel/packet'
import type { Fragments, Frame } from '@netaccel/packet'
import type { GrantCopyBatch } from '@netaccel/xen'
import { COPIED, GuestFragments } from './guest-fragments.js'

const PAGE = 4096

/** Copies that a frame takes for having fragments: a piece also ends where one does, or a page of ours in its head. */
export function scatteredPieces(fragments: Fragments): number {
  return fragments.count + 2
}

/**
 * Queue the copies of `size` bytes of a frame, from its byte `from` on, to byte `at` of the page that `guest` granted by `gref`. Those
 * that still lie in the sender's pages go straight from its grant to the receiver's: one copy, and none to our memory
 * (Linux xenvif_gop_frag_copy, with the page's foreign reference).
 */
export function queueScattered(
  batch: GrantCopyBatch,
  frame: Frame,
  from: number,
  gref: number,
  guest: number,
  at: number,
  size: number,
): void {
  const { fragments } = frame
  if (!(fragments instanceof GuestFragments)) throw new TypeError('fragments that are no guest’s')
  const head = headLength(frame)
  let done =
    from < head ? copyHead(batch, frame, from, gref, guest, at, size < head - from ? size : head - from) : 0
  let begin = head
  for (let i = 0; done < size; i++) {
    const length = fragments.lengths[i]
    const skip = from + done - begin
    begin += length
    if (skip >= length) continue
    const piece = length - skip < size - done ? length - skip : size - done
    copyFragment(batch, fragments, i, skip, gref, guest, at + done, piece)
    done += piece
  }
}

/** The part of a slot that lies in the frame's buffer: how many bytes. */
function copyHead(
  batch: GrantCopyBatch,
  frame: Frame,
  from: number,
  gref: number,
  guest: number,
  to: number,
  size: number,
): number {
  const at = frame.offset + from
  const room = PAGE - (at & (PAGE - 1))
  batch.toGrant(at, gref, guest, to, size < room ? size : room)
  if (size > room) batch.toGrant(at + room, gref, guest, to + room, size - room)
  return size
}

function copyFragment(
  batch: GrantCopyBatch,
  fragments: GuestFragments,
  fragment: number,
  skip: number,
  gref: number,
  guest: number,
  to: number,
  size: number,
): void {
  const offset = fragments.offsets[fragment] + skip
  const slot = fragments.slots[fragment]
  if (slot === COPIED) batch.toGrant(fragments.localOffset(fragment) + skip, gref, guest, to, size)
  else batch.grantToGrant(fragments.grefOf(slot), fragments.guest, offset, gref, guest, to, size)
}
