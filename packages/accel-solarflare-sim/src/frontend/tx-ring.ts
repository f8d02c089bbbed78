// Stage 3f of a frame's way out, last part: the descriptors of the frame, and one doorbell for a burst.
import type { Frame, FrontendQueue, View, WordView } from '@netaccel/core'
import { copyBytes, wordsOf } from '@netaccel/core'
import {
  BUFFER_PAGE,
  EVENT_COUNT_SHIFT,
  EVENT_REASON_MASK,
  EVENT_SLOT_MASK,
  optionWord,
  putDescriptor,
  REASON_LINK,
  TX_BATCH,
  TX_CHECKSUM,
  TX_CONTINUE,
  TX_MAX_BYTES,
  TX_OPTION,
  TX_OPTION_TCPV4,
} from '@netaccel/nic-sim/constants'
import type { TxReach } from './accept.js'
import type { CopyRing } from './copy-ring.js'
import type { Doorbell } from './doorbell.js'
import type { PageTable } from './page-table.js'
import type { Tally } from './tally.js'

const PAGE_MASK = BUFFER_PAGE - 1
/** 64 KiB at any byte of a page lie in 17 pages; and one descriptor says how to cut them. */
export const MOST_DESCRIPTORS = 18

/** What frames are sent from. */
export interface TxBuffers {
  readonly pages: PageTable
  /** Null: frames are sent from where they lie. */
  readonly copies: CopyRing | null
  readonly memory: WordView
}

/**
 * The guest's end of the TX descriptor ring. A frame takes one descriptor for each stretch of its pages that is
 * consecutive in the buffer table, and one before them if it is to be cut; all or none are written. Frames are lent:
 * each is remembered at its last descriptor until the NIC says that it has left.
 */
export class TxRing implements TxReach {
  readonly capacity: number
  /** The ring's memory as words, and the index of its first. */
  private readonly ints: Int32Array
  private readonly base: number
  private readonly doorbell: Doorbell
  private readonly pages: PageTable
  private readonly copies: CopyRing | null
  /** The guest's memory, in which every frame lies that can be sent. */
  private readonly memory: WordView
  private readonly tally: Tally
  /** The frame whose last descriptor a slot is. */
  private readonly frames: (Frame | null)[]
  /** Bytes of the copy ring that go with it. */
  private readonly costs: Uint32Array
  private readonly mask: number
  private producer: number
  private consumer: number
  private rung: number

  constructor(ring: View, capacity: number, doorbell: Doorbell, buffers: TxBuffers, tally: Tally) {
    const { pages, copies, memory } = buffers
    this.capacity = capacity
    this.ints = wordsOf(ring.bytes).ints
    this.base = ring.offset >>> 2
    this.doorbell = doorbell
    this.pages = pages
    this.copies = copies
    this.memory = memory
    this.tally = tally
    this.frames = Array.from({ length: capacity }, () => null)
    this.costs = new Uint32Array(capacity)
    this.mask = capacity - 1
    this.producer = 0
    this.consumer = 0
    this.rung = 0
  }

  /** Descriptors that are with the NIC. */
  get pending(): number {
    return (this.producer - this.consumer) >>> 0
  }

  reaches(frame: Frame): boolean {
    if (frame.bytes !== this.memory.bytes) return false
    const { copies } = this
    if (copies !== null) return frame.length <= copies.longest
    const { offset, length } = frame
    if ((offset & PAGE_MASK) + length <= BUFFER_PAGE) return this.pages.indexOf(offset) > 0
    return this.pages.stretches(offset, length) > 0
  }

  /** True: any frame that {@link reaches} can be posted now. */
  hasRoom(): boolean {
    if (this.capacity - this.pending < MOST_DESCRIPTORS) return false
    const { copies } = this
    return copies === null || copies.costOf(Math.min(copies.longest, TX_MAX_BYTES)) > 0
  }

  /** Writes the descriptors of a frame that was found acceptable. 0: no room, and nothing was written; else how many. */
  post(frame: Frame, headerBytes: number): number {
    const { length } = frame
    const flags = frame.checksum === 'blank' ? TX_CHECKSUM : 0
    const option = frame.gsoSize > 0 ? 1 : 0
    const room = this.capacity - this.pending - option
    let at = frame.offset
    let cost = 0
    const { copies } = this
    if (copies === null && option === 0 && (at & PAGE_MASK) + length <= BUFFER_PAGE) {
      if (room < 1) return 0
      this.write(this.pages.addressOf(at), length | flags)
      return this.remember(frame, 0, 1)
    }
    if (copies === null) {
      if (this.pages.stretches(at, length) > room) return 0
    } else {
      cost = copies.costOf(length)
      if (cost === 0 || room < MOST_DESCRIPTORS) return 0
      at = this.copy(frame, copies.place(cost, length))
    }
    const first = this.producer
    if (option === 1)
      this.write(optionWord(frame.gsoSize, headerBytes, TX_OPTION_TCPV4), TX_OPTION | TX_CONTINUE)
    this.writeData(at, length, flags)
    return this.remember(frame, cost, (this.producer - first) >>> 0)
  }

  /** Its last descriptor is the last one written. */
  private remember(frame: Frame, cost: number, descriptors: number): number {
    const last = (this.producer - 1) & this.mask
    this.frames[last] = frame
    this.costs[last] = cost
    const { tally, pending } = this
    if (pending > tally.txPendingMax) tally.txPendingMax = pending
    return descriptors
  }

  /** One doorbell for all that was posted since the last. */
  flush(): void {
    if (this.rung === this.producer) return
    this.rung = this.producer
    this.doorbell.tx(this.producer)
  }

  /**
   * A TX or TX_DISCARD event. `discarded`: its frame never left. False: the event is not about what was posted, and
   * nothing was done.
   */
  completed(word0: number, word1: number, discarded: boolean, queue: FrontendQueue): boolean {
    const count = word0 >>> EVENT_COUNT_SHIFT
    if (count < 1 || count > TX_BATCH || count > this.pending) return false
    if (((this.consumer + count - 1) & this.mask) !== (word0 & EVENT_SLOT_MASK)) return false
    const reason = word1 & EVENT_REASON_MASK
    for (let i = 0; i < count; i++)
      this.take(discarded, reason === REASON_LINK ? 'link-down' : 'refused', queue)
    return true
  }

  /** The VI is gone: what is still lent will not leave. */
  failAll(queue: FrontendQueue): void {
    while (this.consumer !== this.producer) this.take(true, 'reset', queue)
  }

  private take(failed: boolean, reason: 'refused' | 'link-down' | 'reset', queue: FrontendQueue): void {
    const slot = this.consumer & this.mask
    this.consumer = (this.consumer + 1) >>> 0
    const frame = this.frames[slot]
    if (frame === null) return
    this.frames[slot] = null
    if (this.copies !== null) this.copies.free(this.costs[slot])
    if (failed) queue.failTx(frame, reason)
    else {
      this.tally.txCompletions++
      queue.completeTx(frame)
    }
  }

  private copy(frame: Frame, at: number): number {
    const { memory } = this
    copyBytes(memory, at, memory, frame.offset, frame.length)
    this.tally.bytesCopied += frame.length
    return at
  }

  private writeData(at: number, length: number, flags: number): void {
    const { pages } = this
    let done = 0
    while (done < length) {
      const part = pages.stretch(at + done, length - done)
      const more = done + part < length ? TX_CONTINUE : 0
      this.write(pages.addressOf(at + done), part | more | flags)
      done += part
    }
  }

  private write(word0: number, word1: number): void {
    const { ints, producer } = this
    putDescriptor(ints, this.base, this.capacity, producer, word0, word1)
    this.producer = (producer + 1) >>> 0
  }
}
