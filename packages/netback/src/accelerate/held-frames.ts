// The order fence of the way out, between two guests of one host: a frame of the one that went by the ring has left when
// the other has taken it out of its own ring, not when it was copied there.
import { nextTicket } from '@netaccel/core'
import type { FencePage } from '@netaccel/core'
import type { Frame } from '@netaccel/packet'
import type { Engine, Timer } from '@netaccel/xen'
import { GuestFrames } from '../guest-frames.js'
import type { WrittenFrames } from '../guest-tap.js'

/** A power of two, and at least the slots of a ring: each frame kept has a slot that is not used again meanwhile. */
const PLACES = 512

export interface HeldFramesParts {
  readonly engine: Engine
  readonly page: FencePage
  /** Longest time that a frame is kept, ns: a guest that does not look at its ring must not keep another's frames. */
  readonly keepNs: number
}

/**
 * Frames of other guests of this host that stand in one guest's RX ring, for whose departure their senders wait: their next
 * ones may go by a VI, through the switch of the NIC, into this guest's VI, which is polled before its ring. Kept until
 * the frontend says over the fence page that it has delivered them; what it says is read once, and a lie costs the order
 * of its own frames. Frames from elsewhere are released at once.
 */
export class HeldFrames implements WrittenFrames {
  private readonly parts: HeldFramesParts
  private readonly frames: (Frame | null)[]
  private readonly indices: Int32Array
  private readonly since: Float64Array
  private readonly time: Float64Array
  private first: number
  private count: number
  private ticket: number
  /** The frontend has been asked to tell, and has not. */
  private asked: boolean
  private askedIndex: number
  private timer: Timer | null

  constructor(parts: HeldFramesParts) {
    this.parts = parts
    this.frames = Array.from({ length: PLACES }, () => null)
    this.indices = new Int32Array(PLACES)
    this.since = new Float64Array(PLACES)
    this.time = new Float64Array(1)
    this.first = 0
    this.count = 0
    this.ticket = 0
    this.asked = false
    this.askedIndex = 0
    this.timer = null
  }

  keep(frame: Frame, index: number): void {
    const { home } = frame
    if (!(home instanceof GuestFrames) || home.watch === null) return frame.release()
    if (this.count === PLACES) this.releaseOldest()
    const place = (this.first + this.count) & (PLACES - 1)
    this.frames[place] = frame
    this.indices[place] = index | 0
    this.parts.engine.stamp(this.since, place)
    this.count++
    if (this.timer === null) this.watch(this.parts.keepNs)
  }

  shown(): void {
    if (this.count === 0 || this.asked) return
    const { page } = this.parts
    this.askedIndex = this.indices[(this.first + this.count - 1) & (PLACES - 1)]
    this.ticket = nextTicket(this.ticket)
    this.asked = true
    page.await(this.ticket, this.askedIndex)
    // It may have been delivered meanwhile, and then nobody would tell.
    this.look()
  }

  /** The frontend may have told how far it has come. */
  look(): void {
    const { delivered } = this.parts.page
    while (this.count > 0 && ((delivered - this.indices[this.first]) | 0) >= 0) this.releaseOldest()
    if (((delivered - this.askedIndex) | 0) < 0) return
    // It says that it has come so far: whatever the index is, what was asked for is not asked for again.
    while (this.count > 0 && ((this.indices[this.first] - this.askedIndex) | 0) <= 0) this.releaseOldest()
    this.asked = false
    this.shown()
  }

  /** Nobody waits for the frontend any more. */
  close(): void {
    this.timer?.cancel()
    this.timer = null
    while (this.count > 0) this.releaseOldest()
  }

  private releaseOldest(): void {
    const frame = this.frames[this.first] as Frame
    this.frames[this.first] = null
    this.first = (this.first + 1) & (PLACES - 1)
    this.count--
    frame.release()
  }

  private watch(ns: number): void {
    this.timer = this.parts.engine.after(ns, () => this.expire())
  }

  private expire(): void {
    const { engine, keepNs } = this.parts
    this.timer = null
    engine.stamp(this.time, 0)
    const now = this.time[0]
    while (this.count > 0 && now - this.since[this.first] >= keepNs) this.releaseOldest()
    // Times have fractions, whose sums are rounded: a rest of less than a nanosecond might not move the clock at all.
    if (this.count > 0) this.watch(Math.max(1, keepNs - (now - this.since[this.first])))
  }
}
