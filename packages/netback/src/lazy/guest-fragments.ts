import { Fragments } from '@netaccel/packet'
import type { Frame, WordView } from '@netaccel/packet'
import type { CopyEngine } from '@netaccel/xen'
import { MOST_SLOTS } from '../tx-packet.js'

/** Instead of a pending slot: the fragment's page is one of our own now. */
export const COPIED = -1

export interface FragmentOwner {
  /** All machine memory, and the pages of the VM area in it. */
  readonly words: WordView
  readonly table: Int32Array
  readonly copies: CopyEngine
  /** Machine byte offset of the driver domain's memory, and its bytes. */
  readonly base: number
  readonly bytes: Uint8Array
  /** By pending slot: the guest's reference of its page. */
  readonly grefs: Uint32Array
  linearised(fragments: GuestFragments): void
}

/** The fragments of one frame of a queue's pool: in the guest's pages, or in local ones that have taken their place. */
export class GuestFragments extends Fragments {
  /** Index of the frame in its pool. */
  readonly frame: number
  readonly guest: number
  /** By fragment: the pending slot whose grant it is, or COPIED. */
  readonly slots: Int32Array
  /** Fragments whose grant is still mapped. */
  mapped: number
  /** The frame is on the way with these fragments, or what is left of them. */
  live: boolean
  /** Some of it had to be copied. */
  copied: boolean
  private readonly owner: FragmentOwner

  constructor(owner: FragmentOwner, frame: number, guest: number) {
    super(owner.words, owner.table, MOST_SLOTS)
    this.owner = owner
    this.frame = frame
    this.guest = guest
    this.slots = new Int32Array(MOST_SLOTS)
    this.mapped = 0
    this.live = false
    this.copied = false
  }

  /** Empty, for a frame that has just been taken. */
  begin(): void {
    this.count = 0
    this.bytes = 0
    this.mapped = 0
    this.live = true
    this.copied = false
  }

  add(page: number, offset: number, length: number, slot: number): void {
    const at = this.count++
    this.pages[at] = page
    this.offsets[at] = offset
    this.lengths[at] = length
    this.slots[at] = slot
    this.bytes += length
    this.mapped++
  }

  /** The guest's reference by which a pending slot's page is mapped. */
  grefOf(slot: number): number {
    return this.owner.grefs[slot]
  }

  /** Where a fragment whose page is ours lies in the driver domain's memory. */
  localOffset(fragment: number): number {
    return this.place(fragment) - this.owner.base
  }

  /** By the copy engine, within the machine. */
  override copyOut(fragment: number, to: WordView, at: number): void {
    const { base, bytes, copies } = this.owner
    if (to.bytes !== bytes) return super.copyOut(fragment, to, at)
    copies.copy(base + at, this.place(fragment), this.lengths[fragment])
  }

  linearised(_frame: Frame): void {
    this.owner.linearised(this)
  }
}
