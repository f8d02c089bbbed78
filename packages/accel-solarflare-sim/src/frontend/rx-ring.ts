import type { Frame, FramePool, View } from '@netaccel/core'
import { wordsOf } from '@netaccel/core'
import { EVENT_SLOT_MASK, putDescriptor } from '@netaccel/nic-sim/constants'
import type { Doorbell } from './doorbell.js'
import type { PageTable } from './page-table.js'
import { RX_BATCH, RX_BATCH_SHIFT, RX_BUFFER } from './sizes.js'

/** Buffers whose events may be missing before one that is named is believed. */
const MOST_MISSED = 16

/**
 * The guest's end of the RX descriptor ring: which buffer stands in which slot. Slots come back in the order in which
 * they were posted; an event that names another one than the next is checked by {@link expect}.
 */
export class RxRing {
  readonly capacity: number
  /** Most buffers posted at once. */
  readonly depth: number
  /** The ring's memory as words, and the index of its first. */
  private readonly ints: Int32Array
  private readonly base: number
  private readonly doorbell: Doorbell
  private readonly pages: PageTable
  private readonly pool: FramePool
  private readonly frames: (Frame | null)[]
  private readonly mask: number
  private producer: number
  private consumer: number

  /** `depth` buffers of `pool` at most are posted; `pages` knows their addresses. */
  constructor(
    ring: View,
    capacity: number,
    doorbell: Doorbell,
    pages: PageTable,
    pool: FramePool,
    depth: number,
  ) {
    this.capacity = capacity
    this.depth = Math.min(depth, capacity)
    this.ints = wordsOf(ring.bytes).ints
    this.base = ring.offset >>> 2
    this.doorbell = doorbell
    this.pages = pages
    this.pool = pool
    this.frames = Array.from({ length: capacity }, () => null)
    this.mask = capacity - 1
    this.producer = 0
    this.consumer = 0
  }

  get posted(): number {
    return (this.producer - this.consumer) >>> 0
  }

  /**
   * How many buffers before the one in `slot` have not come back: 0 is what every event says that the NIC wrote; some,
   * when events in between were lost; -1: no such buffer, or too many, and the event is not to be believed.
   */
  expect(slot: number): number {
    if (slot > EVENT_SLOT_MASK || slot >= this.capacity) return -1
    const missed = (slot - this.consumer) & this.mask
    return missed < this.posted && missed <= MOST_MISSED ? missed : -1
  }

  /** The buffer that was posted first; the caller owns it. One is posted. */
  take(): Frame {
    const slot = this.consumer & this.mask
    const frame = this.frames[slot] as Frame
    this.frames[slot] = null
    this.consumer = (this.consumer + 1) >>> 0
    return frame
  }

  /** Posts whole batches while the pool has buffers, one doorbell each; descriptors written. */
  refill(): number {
    const { pool, depth } = this
    const batches = Math.min(depth - this.posted, pool.free) >>> RX_BATCH_SHIFT
    let written = 0
    for (let i = 0; i < batches; i++) written += this.postUpTo(RX_BATCH)
    // So few stand that the NIC may run out: what there is goes at once.
    if (this.posted < RX_BATCH && pool.free > 0) written += this.postUpTo(RX_BATCH - this.posted)
    return written
  }

  /** All buffers go back to the pool: the NIC does not write any more. */
  releaseAll(): void {
    while (this.consumer !== this.producer) this.take().release()
  }

  private postUpTo(most: number): number {
    const { pool, pages, frames, ints, base, capacity, mask } = this
    let index = this.producer
    let count = 0
    for (; count < most; count++) {
      const frame = pool.take()
      if (frame === undefined) break
      frames[index & mask] = frame
      putDescriptor(ints, base, capacity, index, pages.addressOf(frame.offset), RX_BUFFER)
      index = (index + 1) >>> 0
    }
    this.producer = index
    if (count > 0) this.doorbell.rx(index)
    return count
  }
}
