// Stage 4s of a frame's way out, where packets are mapped: those of one hypercall, from their requests to their answers.
import type { Frame } from '@netaccel/packet'
import { COPY_BATCH, MAP_BATCH } from '@netaccel/xen'
import type { GrantCopyBatch, RingOffload } from '@netaccel/xen'
import { XEN_NETIF_RSP_ERROR, XEN_NETIF_RSP_OKAY } from '@netaccel/xen/netif'
import { MOST_SLOTS } from '../tx-packet.js'
import type { TxPacket } from '../tx-packet.js'
import type { TxResponses } from '../tx-responses.js'
import type { GuestFragments } from './guest-fragments.js'
import type { LazyCopy } from './lazy-copy.js'
import { NONE } from './pending-slots.js'

/**
 * Bytes of each packet that are copied, whatever becomes of the rest: all headers, which are read again and again and must
 * not change under the reader. 128 as Linux has it since 2013 (XEN_NETBACK_TX_COPY_LEN), which IPv6 and TCP with all their
 * options and a VLAN tag fit; the 64 of 2007 (PKT_PROT_LEN) hold no TCP over IPv6 with timestamps. Across slots if the first
 * ones are small (XSA-423).
 */
export const HEADER_BYTES = 128
const PACKETS = MAP_BATCH
const SLOTS = MAP_BATCH + MOST_SLOTS

/** Packets whose headers are to be copied and whose other bytes are to be mapped, in the order of the ring. */
export class MappedBatch {
  /** By packet; of those beyond `packets`, what was there before. */
  readonly frames: Frame[]
  readonly offload: RingOffload[]
  packets: number
  private readonly copies: GrantCopyBatch
  private readonly guest: number
  private readonly lazy: LazyCopy
  private readonly responses: TxResponses
  private readonly firstSlot: Uint16Array
  private readonly slotCount: Uint8Array
  private readonly extraCount: Uint8Array
  /** Fragments, whose maps come one after the other from this operation on. */
  private readonly fragments: (GuestFragments | null)[]
  private readonly firstMap: Uint8Array
  // Of their slots: the request, and the operations of the part copied and the part mapped; NONE: there is no such part.
  private readonly id: Uint16Array
  private readonly copy: Int32Array
  private readonly map: Int32Array
  private slots: number

  constructor(copies: GrantCopyBatch, guest: number, lazy: LazyCopy, responses: TxResponses) {
    this.copies = copies
    this.guest = guest
    this.lazy = lazy
    this.responses = responses
    this.frames = []
    this.packets = 0
    this.offload = Array.from({ length: PACKETS }, () => ({
      blank: false,
      verified: false,
      gsoSize: 0,
      gsoType: 0,
    }))
    this.firstSlot = new Uint16Array(PACKETS)
    this.slotCount = new Uint8Array(PACKETS)
    this.extraCount = new Uint8Array(PACKETS)
    this.id = new Uint16Array(SLOTS)
    this.copy = new Int32Array(SLOTS)
    this.map = new Int32Array(SLOTS)
    this.fragments = Array.from({ length: PACKETS }, () => null)
    this.firstMap = new Uint8Array(PACKETS)
    this.slots = 0
  }

  /** Room for a packet of so many data slots. */
  fits(slots: number): boolean {
    const { copies, lazy } = this
    return (
      this.packets < PACKETS &&
      this.slots + slots <= SLOTS &&
      copies.count + slots <= COPY_BATCH &&
      lazy.maps.maps + slots <= MAP_BATCH
    )
  }

  /** A packet of more than {@link HEADER_BYTES} bytes, for a frame that has been taken for it. It fits. */
  add(frame: Frame, packet: TxPacket): void {
    const at = this.packets++
    this.frames[at] = frame
    this.firstSlot[at] = this.slots
    this.slotCount[at] = packet.slots
    this.extraCount[at] = packet.extras
    const offload = this.offload[at]
    offload.blank = packet.offload.blank
    offload.verified = packet.offload.verified
    offload.gsoSize = packet.offload.gsoSize
    offload.gsoType = packet.offload.gsoType
    const fragments = this.lazy.fragmentsOf(frame)
    this.fragments[at] = fragments
    this.firstMap[at] = this.lazy.maps.maps
    let header = HEADER_BYTES
    for (let slot = 0; slot < packet.slots; slot++) {
      const size = packet.size[slot]
      const copied = size < header ? size : header
      this.addSlot(packet, slot, fragments, frame.offset + HEADER_BYTES - header, copied)
      header -= copied
    }
    frame.length = packet.total
    frame.hash = packet.hash
  }

  /** One slot: its first `copied` bytes to `to`, the others mapped. */
  private addSlot(
    packet: TxPacket,
    slot: number,
    fragments: GuestFragments,
    to: number,
    copied: number,
  ): void {
    const { copies, guest, lazy } = this
    const at = this.slots++
    const gref = packet.gref[slot]
    const offset = packet.offset[slot]
    const size = packet.size[slot]
    const id = packet.id[slot]
    this.id[at] = id
    this.copy[at] = copied === 0 ? NONE : copies.fromGrant(gref, guest, offset, to, copied)
    this.map[at] = NONE
    if (size === copied) return
    const pending = lazy.slots.take(id, slot === 0 ? packet.extras : 0, gref)
    const page = lazy.slots.page[pending]
    this.map[at] = lazy.maps.map(page, guest, gref)
    fragments.add(page, offset + copied, size - copied, pending)
  }

  /** The hypercalls, one of each kind. How many operations failed. */
  run(): number {
    const { copies, lazy } = this
    const failures = copies.run() + (lazy.maps.maps === 0 ? 0 : lazy.maps.runMaps())
    lazy.stamp()
    return failures
  }

  /** Grant operations of `run`. */
  get operations(): number {
    return this.copies.count + this.lazy.maps.maps
  }

  /** Send the frame of a packet on its way with its fragments; answer the slots that were copied whole. */
  launch(packet: number): void {
    const { lazy } = this
    const { handle } = lazy.slots
    const fragments = this.takeFragments(packet)
    const { count, slots } = fragments
    const map = this.firstMap[packet]
    for (let i = 0; i < count; i++) handle[slots[i]] = lazy.maps.handle(map + i)
    if (count !== this.slotCount[packet]) this.answerCopied(packet)
    lazy.launch(this.frames[packet], fragments)
  }

  private answerCopied(packet: number): void {
    const first = this.firstSlot[packet]
    for (let slot = first; slot < first + this.slotCount[packet]; slot++) {
      if (this.map[slot] !== NONE) continue
      this.responses.write(this.id[slot], XEN_NETIF_RSP_OKAY, slot === first ? this.extraCount[packet] : 0)
    }
  }

  private takeFragments(packet: number): GuestFragments {
    const fragments = this.fragments[packet] as GuestFragments
    this.fragments[packet] = null
    return fragments
  }

  /** An operation of the packet failed; asked only when some have. */
  hasFailed(packet: number): boolean {
    const first = this.firstSlot[packet]
    for (let slot = first; slot < first + this.slotCount[packet]; slot++) {
      if (this.copyFailed(slot) || this.mapFailed(slot)) return true
    }
    return false
  }

  /**
   * Answer the slots of a packet of which some operation failed: those with an error that failed themselves, and let go
   * of just the pages that are mapped. (The original's error path went through them by the wrong index.)
   */
  refuse(packet: number): void {
    const { maps, slots } = this.lazy
    const fragments = this.takeFragments(packet)
    fragments.live = false
    const first = this.firstSlot[packet]
    let fragment = 0
    for (let slot = first; slot < first + this.slotCount[packet]; slot++) {
      const bad = this.copyFailed(slot) || this.mapFailed(slot)
      const status = bad ? XEN_NETIF_RSP_ERROR : XEN_NETIF_RSP_OKAY
      if (this.map[slot] !== NONE) {
        const pending = fragments.slots[fragment++]
        if (!this.mapFailed(slot)) {
          // Answered when its page has been let go.
          slots.handle[pending] = maps.handle(this.map[slot])
          slots.status[pending] = status
          slots.end(pending)
          continue
        }
        slots.give(pending)
      }
      this.responses.write(this.id[slot], status, slot === first ? this.extraCount[packet] : 0)
    }
  }

  /** The packets have been dealt with. */
  clear(): void {
    this.copies.reset()
    this.lazy.maps.resetMaps()
    this.packets = 0
    this.slots = 0
  }

  private copyFailed(slot: number): boolean {
    return this.copy[slot] !== NONE && this.copies.status(this.copy[slot]) !== 0
  }

  private mapFailed(slot: number): boolean {
    return this.map[slot] !== NONE && this.lazy.maps.mapStatus(this.map[slot]) !== 0
  }
}
