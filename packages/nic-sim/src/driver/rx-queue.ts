import type { Frame, FramePool } from '@netaccel/packet'
import type { Arena } from '@netaccel/xen'
import { TX_MAX_BYTES, writeDescriptor } from '../constants.js'

/** Buffers that are posted with one doorbell, unless so few stand that the NIC may run out. */
const BATCH = 16

/** The driver's end of the RX ring, in physical mode: the frames of its pool that the NIC may receive into. */
export class RxQueue {
  /** Index after the last descriptor written. */
  producer: number
  private readonly ring: Arena
  private readonly capacity: number
  private readonly pool: FramePool
  private readonly frames: (Frame | null)[]
  private readonly mask: number
  private consumer: number

  constructor(ring: Arena, capacity: number, pool: FramePool) {
    this.producer = 0
    this.ring = ring
    this.capacity = capacity
    this.pool = pool
    this.frames = Array.from({ length: capacity }, () => null)
    this.mask = capacity - 1
    this.consumer = 0
  }

  /** Entries that a ring for all frames of the pool needs. */
  static capacityFor(pool: FramePool): number {
    return Math.min(4096, Math.max(64, 2 ** Math.ceil(Math.log2(pool.size))))
  }

  get posted(): number {
    return (this.producer - this.consumer) >>> 0
  }

  /** It is time to look for frames that came back. */
  get low(): boolean {
    return this.posted < Math.min(this.capacity, this.pool.size) >>> 1
  }

  /** Posts free frames, in whole batches while enough stand; how many. */
  post(): number {
    const { pool } = this
    const room = Math.min(this.capacity - this.posted, pool.free)
    const count = this.posted < BATCH ? room : room - (room % BATCH)
    for (let i = 0; i < count; i++) {
      const frame = pool.take()
      if (frame === undefined) return i
      const index = this.producer
      this.frames[index & this.mask] = frame
      const { view, offset } = this.ring
      const size = frame.tailroom < TX_MAX_BYTES ? frame.tailroom : TX_MAX_BYTES
      writeDescriptor(view, offset, this.capacity, index, frame.offset, size)
      this.producer = (index + 1) >>> 0
    }
    return count
  }

  /** The frame that was posted first, which is the caller's; undefined: none is posted. */
  take(): Frame | undefined {
    if (this.consumer === this.producer) return undefined
    const slot = this.consumer & this.mask
    const frame = this.frames[slot]
    this.frames[slot] = null
    this.consumer = (this.consumer + 1) >>> 0
    return frame ?? undefined
  }
}
