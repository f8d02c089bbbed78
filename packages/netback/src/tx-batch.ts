// Stage 4s of a frame's way out: the packets of one grant-copy hypercall, from their requests to their answers.
import type { Frame } from '@netaccel/packet'
import { applyChecksum, COPY_BATCH } from '@netaccel/xen'
import type { GrantCopyBatch, RingOffload } from '@netaccel/xen'
import {
  XEN_NETIF_RSP_ERROR,
  XEN_NETIF_RSP_OKAY,
  XEN_NETTXF_CSUM_BLANK,
  XEN_NETTXF_DATA_VALIDATED,
} from '@netaccel/xen/netif'
import { MOST_SLOTS } from './tx-packet.js'
import type { TxPacket } from './tx-packet.js'
import type { TxResponses } from './tx-responses.js'

const PAGE = 4096
/** Data slots of one batch. A slot takes at most two copies: the source page may lie across two of ours. */
const BATCH_SLOTS = COPY_BATCH + 4 * MOST_SLOTS
/** No plain packet's word (see {@link plainWord}), since a plain one has not all flags. */
const NOT_PLAIN = -1
const FLAGS_SHIFT = 16
const PLAIN_BLANK = XEN_NETTXF_CSUM_BLANK << FLAGS_SHIFT
const PLAIN_VALIDATED = XEN_NETTXF_DATA_VALIDATED << FLAGS_SHIFT
/** Instead of a packet's first copy: none of its copies failed. */
const ALL_OKAY = -1

/** All that is kept of a plain packet. */
export function plainWord(id: number, flags: number): number {
  return id | (flags << FLAGS_SHIFT)
}

/** What a plain packet's flags say of it: one object for each of their four values, never written. */
const PLAIN_OFFLOAD: readonly RingOffload[] = [0, 1, 2, 3].map((flags) => ({
  blank: (flags & XEN_NETTXF_CSUM_BLANK) !== 0,
  verified: (flags & XEN_NETTXF_DATA_VALIDATED) !== 0,
  gsoSize: 0,
  gsoType: 0,
}))

/**
 * Packets whose copies are queued, in the order of the ring. A *plain* one has a single slot, no extra info and so a
 * single copy: one word holds all that is kept of it.
 */
export class TxBatch {
  /** By packet; of those beyond `packets`, what was there before. */
  readonly frames: Frame[]
  packets: number
  private readonly copies: GrantCopyBatch
  private readonly guest: number
  private readonly responses: TxResponses
  /** Words of plain packets. */
  private readonly plain: Int32Array
  private readonly failed: Uint8Array
  /** Of the packets that are not plain. */
  private readonly offload: RingOffload[]
  private readonly firstSlot: Uint16Array
  private readonly slotCount: Uint8Array
  private readonly extraCount: Uint8Array
  /** Of their slots: id, and copies, of which an empty slot has none and one across two of our pages has two. */
  private readonly slotId: Uint16Array
  private readonly slotCopies: Uint8Array
  private slots: number

  constructor(copies: GrantCopyBatch, guest: number, responses: TxResponses) {
    this.copies = copies
    this.guest = guest
    this.responses = responses
    this.frames = []
    this.packets = 0
    this.plain = new Int32Array(COPY_BATCH)
    this.failed = new Uint8Array(COPY_BATCH)
    this.offload = Array.from({ length: COPY_BATCH }, () => ({ ...PLAIN_OFFLOAD[0] }))
    this.firstSlot = new Uint16Array(COPY_BATCH)
    this.slotCount = new Uint8Array(COPY_BATCH)
    this.extraCount = new Uint8Array(COPY_BATCH)
    this.slotId = new Uint16Array(BATCH_SLOTS)
    this.slotCopies = new Uint8Array(BATCH_SLOTS)
    this.slots = 0
  }

  /** Room for a packet of so many slots and bytes. A copy is split where it meets a page of ours. */
  fits(slots: number, bytes: number): boolean {
    const copies = slots + ((bytes - 1) >>> 12)
    return this.copies.count + copies <= COPY_BATCH && this.slots + slots <= BATCH_SLOTS
  }

  /**
   * A packet of one slot, no extra info and only the two checksum flags; within a page on either side. For a loop that
   * keeps both counts in locals: it is packet `at` with copy `copy`, and the loop sets `packets` and the copies' `count`.
   */
  setPlain(
    at: number,
    copy: number,
    frame: Frame,
    gref: number,
    offset: number,
    size: number,
    word: number,
  ): void {
    this.frames[at] = frame
    this.plain[at] = word
    frame.length = size
    this.copies.setFromGrant(copy, gref, this.guest, offset, frame.offset, size)
  }

  /** The same of a packet that is copied already. A batch has packets of this kind or others, since only others can fail. */
  setCopied(at: number, frame: Frame, size: number, word: number): void {
    this.frames[at] = frame
    this.plain[at] = word
    frame.length = size
  }

  /** Any packet. It fits. */
  add(frame: Frame, packet: TxPacket): void {
    const at = this.packets++
    this.frames[at] = frame
    this.plain[at] = NOT_PLAIN
    this.firstSlot[at] = this.slots
    this.slotCount[at] = packet.slots
    this.extraCount[at] = packet.extras
    const offload = this.offload[at]
    offload.blank = packet.offload.blank
    offload.verified = packet.offload.verified
    offload.gsoSize = packet.offload.gsoSize
    offload.gsoType = packet.offload.gsoType
    let to = frame.offset
    for (let slot = 0; slot < packet.slots; slot++) {
      this.addSlot(packet, slot, to)
      to += packet.size[slot]
    }
    frame.length = packet.total
    frame.hash = packet.hash
  }

  private addSlot(packet: TxPacket, slot: number, to: number): void {
    const { copies, guest } = this
    const at = this.slots++
    const from = packet.offset[slot]
    const size = packet.size[slot]
    const ref = packet.gref[slot]
    const room = PAGE - (to & (PAGE - 1))
    const before = copies.count
    if (size > room) {
      copies.fromGrant(ref, guest, from, to, room)
      copies.fromGrant(ref, guest, from + room, to + room, size - room)
    } else if (size !== 0) copies.fromGrant(ref, guest, from, to, size)
    this.slotId[at] = packet.id[slot]
    this.slotCopies[at] = copies.count - before
  }

  /** Describe the packet's frame, if it is plain and its bytes are so too. False of any other: see {@link offloadOf}. */
  describePlain(frame: Frame, packet: number): boolean {
    const plain = this.plain[packet]
    if (plain === NOT_PLAIN) return false
    return applyChecksum(frame, (plain & PLAIN_BLANK) !== 0, (plain & PLAIN_VALIDATED) !== 0)
  }

  /** What the slots of a packet say of it. */
  offloadOf(packet: number): RingOffload {
    const plain = this.plain[packet]
    return plain === NOT_PLAIN ? this.offload[packet] : PLAIN_OFFLOAD[plain >>> FLAGS_SHIFT]
  }

  /** A copy of the packet failed; asked only when some have. */
  hasFailed(packet: number): boolean {
    return this.failed[packet] !== 0
  }

  /**
   * After the hypercall, of which `failures` copies failed: answer in the order of the ring, or keep the ids until the
   * frames have left. A packet of which a copy failed is answered now: bad slots with an error, the others with OKAY.
   */
  answer(failures: number, onDeparture: boolean): void {
    if (failures === 0 && !onDeparture) return this.answerOkay()
    let copy = 0
    for (let packet = 0; packet < this.packets; packet++) {
      const next = failures === 0 ? 0 : this.judge(packet, copy)
      if (failures !== 0 && this.failed[packet] !== 0) this.answerSlots(packet, copy)
      else if (onDeparture) this.hold(packet)
      else this.answerSlots(packet, ALL_OKAY)
      copy = next
    }
  }

  /** Nearly every batch: runs of plain packets are answered by one loop. */
  private answerOkay(): void {
    const { packets, plain, responses } = this
    for (let packet = 0; packet < packets;) {
      const from = packet
      while (packet < packets && plain[packet] !== NOT_PLAIN) packet++
      if (packet === from) this.answerSlots(packet++, ALL_OKAY)
      else responses.writeOkay(plain, from, packet)
    }
  }

  /** Has a copy of the packet failed? Its first is `copy`; returns the first of the next packet. */
  private judge(packet: number, copy: number): number {
    let end = copy + 1
    if (this.plain[packet] === NOT_PLAIN) {
      const first = this.firstSlot[packet]
      end = copy
      for (let slot = first; slot < first + this.slotCount[packet]; slot++) end += this.slotCopies[slot]
    }
    this.failed[packet] = this.someFailed(copy, end) ? 1 : 0
    return end
  }

  private someFailed(from: number, to: number): boolean {
    for (let copy = from; copy < to; copy++) if (this.copies.status(copy) !== 0) return true
    return false
  }

  /** Answer each slot by its own copies, the first of which is `copy`; or all of them with OKAY. */
  private answerSlots(packet: number, copy: number): void {
    const { plain, responses } = this
    if (plain[packet] !== NOT_PLAIN) {
      return responses.write(plain[packet] & 0xffff, this.statusOf(copy, 1), 0)
    }
    const first = this.firstSlot[packet]
    let next = copy
    for (let slot = first; slot < first + this.slotCount[packet]; slot++) {
      const copies = this.slotCopies[slot]
      responses.write(
        this.slotId[slot],
        this.statusOf(next, copies),
        slot === first ? this.extraCount[packet] : 0,
      )
      if (copy !== ALL_OKAY) next += copies
    }
  }

  private statusOf(copy: number, copies: number): number {
    const failed = copy !== ALL_OKAY && this.someFailed(copy, copy + copies)
    return failed ? XEN_NETIF_RSP_ERROR : XEN_NETIF_RSP_OKAY
  }

  private hold(packet: number): void {
    const { plain, responses } = this
    const frame = this.frames[packet]
    if (plain[packet] !== NOT_PLAIN) return responses.holdOne(frame, plain[packet] & 0xffff)
    const { slotCopies, slotId } = this
    const first = this.firstSlot[packet]
    const end = first + this.slotCount[packet]
    let kept = first + 1
    // An empty slot is no part of the frame: it is answered at once (XSA-448).
    for (let slot = first + 1; slot < end; slot++) {
      if (slotCopies[slot] === 0) responses.write(slotId[slot], XEN_NETIF_RSP_OKAY, 0)
      else slotId[kept++] = slotId[slot]
    }
    responses.hold(frame, slotId, first, kept - first, this.extraCount[packet])
  }

  /** The hypercall's packets have been dealt with. */
  clear(): void {
    this.copies.reset()
    this.packets = 0
    this.slots = 0
  }
}
