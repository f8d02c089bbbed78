import type { DomainId, Page, Vi, ViRequest } from '@netaccel/core'
import {
  BELL_ARM,
  BELL_POST,
  BELL_READ,
  BELL_SEND,
  DONE_MISSED,
  DONE_RECEIVED,
  KIND_SHIFT,
  LENGTH_MASK,
  PAGE,
  phaseOf,
  SUM_GOOD,
} from '../layout.js'
import { PageTable } from './page-table.js'
import type { SharedCompletions } from './shared-completions.js'
import { WordRing } from './word-ring.js'

/** What a pair asks of the NIC it belongs to. */
export interface PairOwner {
  readonly completions: SharedCompletions
  /** Memory of a page of `owner`. Throws for what is none. */
  memory(page: Page, owner: DomainId): { bytes: Uint8Array; view: DataView; offset: number; length: number }
  ioPage(written: (offset: number, value: number) => void): Page
  /** There is something to send, or room for its completions. */
  sendSoon(): void
  /** There are new buffers. */
  posted(): void
  /** Something stands in the shared completions. */
  tellSoon(): void
  closed(pair: QueuePair): void
}

/** One guest's queues: what it sends, buffers to receive into, and what has become of both. */
export class QueuePair implements Vi {
  readonly id: number
  readonly facts: Vi['facts']
  readonly pages: Vi['pages']
  readonly owner: DomainId
  readonly table = new PageTable()
  /** Fetched from the guest's rings so far. */
  sendHead = 0
  postHead = 0
  live = true
  /** Found no buffer within the NIC's patience: not waited for again until it posts some. */
  stalled = false
  private readonly nic: PairOwner
  private readonly sends: WordRing
  private readonly posts: WordRing
  private readonly done: WordRing
  private sendTail = 0
  private postTail = 0
  /** Completions written to the guest, those that it says it has read, and those that are bound to come. */
  private doneTail = 0
  private doneRead = 0
  private due = 0
  private missed = 0
  private armed = false
  private woken: (() => void) | null = null

  /** The memory holds completions, sends and buffers, each of whole pages, in this order. */
  constructor(
    id: number,
    request: ViRequest,
    memory: ConstructorParameters<typeof WordRing>[0],
    nic: PairOwner,
  ) {
    const { owner, events, tx, rx, rings } = request
    this.id = id
    this.owner = owner
    this.nic = nic
    const at = (entries: number): number => Math.ceil((entries * 8) / PAGE) * PAGE
    this.done = new WordRing(memory, 0, events)
    this.sends = new WordRing(memory, at(events), tx)
    this.posts = new WordRing(memory, at(events) + at(tx), rx)
    for (let i = 0; i < events; i++) this.done.write(i, 0, 0)
    const bell = nic.ioPage((offset, value) => this.rung(offset, value))
    const handles = 'offset' in rings ? rings.pages : rings.pages.map(({ page }) => page)
    const readOnly = at(events) / PAGE
    this.facts = { events, tx, rx }
    this.pages = [
      ...handles.map((page, i) => ({
        role: 'ring',
        page,
        access: i < readOnly ? ('ro' as const) : ('rw' as const),
      })),
      { role: 'doorbell', page: bell, access: 'io' },
    ]
  }

  // --- what the guest has asked for

  /** A send is to be fetched, and its completion will find room. */
  get wantsToSend(): boolean {
    return this.live && this.sendHead !== this.sendTail && this.room > 0
  }

  sendWord0(): number {
    return this.sends.word0(this.sendHead)
  }

  sendWord1(): number {
    return this.sends.word1(this.sendHead)
  }

  /** The send at the head is fetched: one completion is due. Its place. */
  takeSend(): number {
    const place = this.sendHead & (this.sends.capacity - 1)
    this.sendHead = (this.sendHead + 1) >>> 0
    this.due++
    return place
  }

  /** A buffer is posted, and its completion will find room. */
  get canReceive(): boolean {
    return this.live && this.postHead !== this.postTail && this.room > 0
  }

  /** The buffer at the head: its address, or 0 if `length` bytes do not fit it or it is not the guest's. */
  bufferFor(length: number): number {
    const address = this.posts.word0(this.postHead) >>> 0
    const size = this.posts.word1(this.postHead) & LENGTH_MASK
    return size >= length && this.table.holds(address, length) ? address : 0
  }

  /** The buffer at the head is used, or skipped because it is no good. */
  received(length: number, sumGood: boolean): void {
    const place = this.postHead & (this.posts.capacity - 1)
    this.postHead = (this.postHead + 1) >>> 0
    this.due++
    const word1 = length | (sumGood ? SUM_GOOD : 0)
    this.nic.completions.push(this.id, place | (DONE_RECEIVED << KIND_SHIFT), word1)
    this.nic.tellSoon()
  }

  /** A frame found no buffer. The guest is told when there is room for the word. */
  miss(): void {
    this.missed++
    this.nic.tellSoon()
  }

  // --- the driver's part: what the guest is told

  tell(word0: number, word1: number): void {
    this.due--
    this.writeDone(word0, word1)
  }

  /** After all that stood in the shared queue: misses, and the wake-up if one was asked for. */
  tellRest(): void {
    if (this.missed > 0 && this.room > 0) {
      const count = Math.min(this.missed, 0xffff)
      this.missed -= count
      this.writeDone(count | (DONE_MISSED << KIND_SHIFT), 0)
    }
    if (this.armed && this.doneTail !== this.doneRead) this.wake()
  }

  // --- Vi

  register(pages: readonly Page[]): number {
    if (!this.live) return -2
    try {
      return this.table.add(pages.map((page) => this.nic.memory(page, this.owner)))
    } catch {
      // Not a page of this guest (MEM-06).
      return -3
    }
  }

  unregister(first: number, pages: number): void {
    this.table.remove(first, pages)
  }

  onWake(woken: () => void): void {
    this.woken = woken
  }

  /** Nothing is fetched or written from here on; what is with the wire lies in the NIC's own memory already. */
  async quiesce(): Promise<void> {
    this.live = false
  }

  close(): void {
    this.live = false
    this.woken = null
    this.table.clear()
    this.nic.closed(this)
  }

  private writeDone(word0: number, word1: number): void {
    if (!this.live) return
    const phase = phaseOf(this.doneTail, this.done.capacity) === 1 ? 0x8000_0000 : 0
    this.done.write(this.doneTail, word0, word1 | phase)
    this.doneTail = (this.doneTail + 1) >>> 0
  }

  /** Completions that fit, those that are bound to come counted in. */
  private get room(): number {
    return this.done.capacity - ((this.doneTail - this.doneRead) >>> 0) - this.due
  }

  private wake(): void {
    this.armed = false
    this.woken?.()
  }

  /** What no honest guest writes is not believed: an index further ahead than its ring is long, or behind. */
  private rung(offset: number, value: number): void {
    if (!this.live) return
    const index = value >>> 0
    if (offset === BELL_SEND) {
      if ((index - this.sendHead) >>> 0 > this.sends.capacity) return
      this.sendTail = index
      this.nic.sendSoon()
    } else if (offset === BELL_POST) {
      if ((index - this.postHead) >>> 0 > this.posts.capacity) return
      this.postTail = index
      this.stalled = false
      this.nic.posted()
    } else if (offset === BELL_READ || offset === BELL_ARM) {
      if ((this.doneTail - index) >>> 0 > (this.doneTail - this.doneRead) >>> 0) return
      this.doneRead = index
      this.nic.sendSoon()
      this.nic.posted()
      this.armed = offset === BELL_ARM
      if (this.armed && this.doneTail !== index) this.wake()
    }
  }
}
