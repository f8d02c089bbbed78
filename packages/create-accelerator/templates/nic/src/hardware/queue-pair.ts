import type { DomainId, Page, Vi, ViRequest, View } from '@netaccel/core'
import {
  BELL_ARM,
  BELL_RX,
  BELL_TX,
  DONE,
  GOOD,
  LENGTH_MASK,
  MISSED,
  PAGE,
  REFUSED,
  RX_RING,
  TX_RING,
} from '../layout.js'
import { Ring } from '../ring.js'
import { PageTable } from './page-table.js'

/** What a pair asks of the NIC that it belongs to. */
export interface PairOwner {
  /** The page of addresses that every guest may read. */
  readonly addressPage: Page
  /** Memory of a page of `owner`. Throws for what is none. */
  memory(page: Page, owner: DomainId): View
  ioPage(written: (offset: number, value: number) => void): Page
  /** There is something to send. */
  sendSoon(): void
  /** There are buffers to receive into. */
  posted(): void
  closed(pair: QueuePair): void
}

/**
 * One guest's queues as the NIC sees them: a virtual interface. The guest may write anything into its rings and ring its
 * doorbell with any number; all of it is read once and checked, and what is wrong harms nobody but that guest.
 */
export class QueuePair implements Vi {
  readonly id: number
  readonly facts: Vi['facts'] = {}
  readonly pages: Vi['pages']
  /** Its address is steered here by a filter; see Nic. */
  readonly table = new PageTable()
  live = true
  /** Found no buffer within the NIC's patience: not waited for again until it posts some. */
  stalled = false
  private readonly nic: PairOwner
  private readonly owner: DomainId
  private readonly sends: Ring
  private readonly buffers: Ring
  private readonly status: View
  private sendHead = 0
  private sendTail = 0
  private bufferHead = 0
  private bufferTail = 0
  /** Sends that were fetched and are not done: their places are not free. */
  private sending = 0
  private missed = 0
  private armed = false
  private woken: (() => void) | null = null

  /** `memory` holds two pages: rings and status. */
  constructor(id: number, request: ViRequest, memory: View, nic: PairOwner) {
    this.id = id
    this.nic = nic
    this.owner = request.owner
    this.sends = new Ring(memory, TX_RING)
    this.buffers = new Ring(memory, RX_RING)
    this.status = { ...memory, offset: memory.offset + PAGE }
    const [rings, status] = pagesOf(request)
    this.pages = [
      { role: 'rings', page: rings, access: 'rw' },
      { role: 'status', page: status, access: 'ro' },
      { role: 'addresses', page: nic.addressPage, access: 'ro' },
      { role: 'doorbell', page: nic.ioPage((offset, value) => this.rung(offset, value)), access: 'io' },
    ]
  }

  // --- sends

  get wantsToSend(): boolean {
    return this.live && this.sendHead !== this.sendTail
  }

  /** The descriptor at the head. Each word is to be read once. */
  sendAddress(): number {
    return this.sends.word0(this.sendHead) >>> 0
  }

  sendWord(): number {
    return this.sends.word1(this.sendHead)
  }

  /** The send at the head is fetched. Its index, for {@link sent}. */
  takeSend(): number {
    const index = this.sendHead
    this.sendHead = (this.sendHead + 1) >>> 0
    this.sending++
    return index
  }

  /** The frame has left, or never will. */
  sent(index: number, refused: boolean): void {
    this.sending--
    if (!this.live) return
    this.sends.writeWord1(index, refused ? DONE | REFUSED : DONE)
    this.interrupt()
  }

  // --- receives

  get canReceive(): boolean {
    return this.live && this.bufferHead !== this.bufferTail
  }

  /** Address of the buffer at the head, or 0: it is too small for `length` bytes, or not the guest's. */
  bufferFor(length: number): number {
    const address = this.buffers.word0(this.bufferHead) >>> 0
    const size = this.buffers.word1(this.bufferHead) & LENGTH_MASK
    return size >= length && this.table.holds(address, length) ? address : 0
  }

  /** The buffer at the head holds a frame, or none if it was no good. */
  received(length: number, good: boolean): void {
    this.buffers.writeWord1(this.bufferHead, DONE | length | (good ? GOOD : 0))
    this.bufferHead = (this.bufferHead + 1) >>> 0
    this.interrupt()
  }

  /** A frame found no buffer. */
  miss(): void {
    this.missed++
    this.status.view.setUint32(this.status.offset + MISSED, this.missed, true)
    this.interrupt()
  }

  // --- Vi

  register(pages: readonly Page[]): number {
    if (!this.live) return -1
    try {
      return this.table.add(pages.map((page) => this.nic.memory(page, this.owner)))
    } catch {
      // Not a page of this guest (MEM-06).
      return -1
    }
  }

  unregister(first: number, pages: number): void {
    this.table.remove(first, pages)
  }

  onWake(woken: () => void): void {
    this.woken = woken
  }

  /** Nothing is read or written from here on (MEM-07): what is on its way out lies in the NIC's own memory already. */
  async quiesce(): Promise<void> {
    this.live = false
  }

  close(): void {
    this.live = false
    this.woken = null
    this.table.clear()
    this.nic.closed(this)
  }

  private interrupt(): void {
    if (!this.armed) return
    this.armed = false
    this.woken?.()
  }

  /** A write to the doorbell. What no honest guest rings is not believed: an index beyond its ring, or one gone back. */
  private rung(offset: number, value: number): void {
    if (!this.live) return
    const index = value >>> 0
    if (offset === BELL_TX) {
      if (!isAhead(index, this.sendHead, this.sendTail, this.sends.capacity - this.sending)) return
      this.sendTail = index
      this.nic.sendSoon()
    } else if (offset === BELL_RX) {
      if (!isAhead(index, this.bufferHead, this.bufferTail, this.buffers.capacity)) return
      this.bufferTail = index
      this.stalled = false
      this.nic.posted()
    } else if (offset === BELL_ARM) this.armed = true
  }
}

/** `index` is at `tail` or beyond, and at most `most` beyond `head`. */
function isAhead(index: number, head: number, tail: number, most: number): boolean {
  return (index - head) >>> 0 <= most && (index - head) >>> 0 >= (tail - head) >>> 0
}

function pagesOf({ rings }: ViRequest): readonly Page[] {
  return 'offset' in rings ? rings.pages : rings.pages.map(({ page }) => page)
}
