// The order fence of the way out: a flow is on one path at a time.
import type { Frame } from '@netaccel/packet'
import { FlowHasher } from '@netaccel/packet'

/** Flows share a bucket by their hash: a power of two, so that a mask finds it. */
export const FENCE_BUCKETS = 1024
const MASK = FENCE_BUCKETS - 1

/**
 * Frames in a row that could have gone fast, before a flow that is on the ring is moved. Moving stops the queue until
 * the flow's slow frames have left, so it must be worth it; waiting for a moment at which none is on the way would keep
 * a flow that never pauses slow for ever.
 */
export const FENCE_PATIENCE = 32

/** What becomes of a frame whose flow may not simply change over: by the ring, be offered, or wait for the slow ones. */
export type FenceStep = 'ring' | 'offer' | 'to-fast'

/**
 * Counts, for each bucket of flows, the frames outstanding on either path. A frame goes by one path only while the
 * bucket has none on the other: so a bucket never has both (but for what {@link expire} lets through).
 *
 * `slow` ends with the ring's answer, which comes when the frame has left the driver domain; `fast` with the plugin's
 * completion. Allocates nothing.
 */
export class TxFence {
  readonly slow: Int32Array
  readonly fast: Int32Array
  /** Frames in a row that went by the ring though the plugin would have taken them. */
  readonly wants: Uint8Array
  /** The flow has frames that only the ring can take: it stays there until it wants for long enough. */
  readonly sticky: Uint8Array
  private readonly hasher: FlowHasher
  private waived: boolean

  constructor() {
    this.slow = new Int32Array(FENCE_BUCKETS)
    this.fast = new Int32Array(FENCE_BUCKETS)
    this.wants = new Uint8Array(FENCE_BUCKETS)
    this.sticky = new Uint8Array(FENCE_BUCKETS)
    this.hasher = new FlowHasher()
    this.waived = false
  }

  /** A new attachment: nothing is known. */
  reset(): void {
    this.slow.fill(0)
    this.fast.fill(0)
    this.wants.fill(0)
    this.sticky.fill(0)
    this.waived = false
  }

  /** The frame's bucket; its flow hash is computed once and kept in the frame. */
  bucketOf(frame: Frame): number {
    if (frame.hash === 0) frame.hash = this.hasher.of(frame)
    return frame.hash & MASK
  }

  /** Rule (i): the plugin has to be asked, and {@link asked} says what follows. False: offer the frame. */
  fenced(bucket: number): boolean {
    return this.slow[bucket] > 0 || this.sticky[bucket] !== 0
  }

  /** Rule (i), second part: the plugin would take a frame of a fenced bucket, or not. */
  asked(bucket: number, accepts: boolean): FenceStep {
    if (!accepts) {
      this.wants[bucket] = 0
      return 'ring'
    }
    const wants = this.wants[bucket] + 1
    if (wants < FENCE_PATIENCE) {
      this.wants[bucket] = wants
      return 'ring'
    }
    // It changes over now; if it has to come back it begins to count anew.
    this.wants[bucket] = 0
    this.sticky[bucket] = 0
    return this.slow[bucket] > 0 ? 'to-fast' : 'offer'
  }

  /** Rule (iii): may a frame of the bucket go by the ring? False: park it; the bucket stays on the ring afterwards. */
  toRing(bucket: number): boolean {
    if (this.fast[bucket] === 0 || this.waived) return true
    this.sticky[bucket] = 1
    this.wants[bucket] = 0
    return false
  }

  /** As {@link toRing}, for a frame that is parked already. */
  fastLeft(bucket: number): boolean {
    return this.fast[bucket] === 0 || this.waived
  }

  slowLeft(bucket: number): boolean {
    return this.slow[bucket] === 0
  }

  slowSent(frame: Frame): void {
    this.slow[this.bucketOf(frame)]++
  }

  /** A frame that went before the fence stood has hash 0 and was not counted. */
  slowAnswered(frame: Frame): void {
    const bucket = frame.hash & MASK
    if (frame.hash !== 0 && this.slow[bucket] > 0) this.slow[bucket]--
  }

  fastSent(bucket: number): void {
    this.fast[bucket]++
  }

  fastDone(frame: Frame): void {
    const bucket = frame.hash & MASK
    if (this.fast[bucket] > 0) this.fast[bucket]--
  }

  /** Nothing is lent any more: what was has been dropped. */
  forgetFast(): void {
    this.fast.fill(0)
  }

  /** From now on no frame waits for lent ones: a plugin that leaves has had its time. */
  expire(): void {
    this.waived = true
  }

  /** Goes by the ring though lent frames of its bucket are on the way. */
  overtakes(bucket: number): boolean {
    return this.waived && this.fast[bucket] > 0
  }
}
