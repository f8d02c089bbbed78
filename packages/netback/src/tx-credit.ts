// The rate limit of what a guest sends: Linux xen-netback, tx_credit_exceeded, tx_add_credit and xen_net_read_rate.
import type { Engine, Timer } from '@netaccel/xen'

const MS = 1e6
/** A packet of 128 KiB always fits a refill, or the interface would seize up. */
const LEAST_BURST = 131_072

/** `bytes` may be sent in each `usec` microseconds. */
export interface Rate {
  readonly bytes: number
  readonly usec: number
}

/** The key `rate`, "bytes,usec" in decimal; undefined, missing or malformed: unlimited. */
export function parseRate(text: string | undefined): Rate | null {
  const match = /^(\d{1,15}),(\d{1,15})$/.exec(text ?? '')
  return match === null ? null : { bytes: Number(match[1]), usec: Number(match[2]) }
}

/**
 * The credit of one queue, in bytes of whole packets. It is refilled when a packet asks for more than is left and the
 * period is over, to no more than `bytes` or 128 KiB, whichever is more. While a packet has to wait for the next refill
 * the queue is {@link limited}: its requests stay in the ring, and the guest is not asked to tell of new ones.
 * Periods are whole milliseconds.
 */
export class TxCredit {
  /** A packet waits for credit; `refilled` is called when it may be asked for again. */
  limited: boolean
  private readonly engine: Engine
  private readonly refilled: () => void
  private rate: Rate
  private remaining: number
  /** When the period under way began, ms. */
  private windowStart: number
  private readonly timer: Timer
  private pending: boolean

  constructor(engine: Engine, rate: Rate, refilled: () => void) {
    this.engine = engine
    this.refilled = refilled
    this.limited = false
    this.rate = rate
    this.remaining = rate.bytes
    this.windowStart = Math.floor(engine.now() / MS)
    this.timer = engine.after(0, () => this.expire())
    this.timer.cancel()
    this.pending = false
  }

  /** Bytes that may be sent now. */
  get left(): number {
    return this.remaining
  }

  /** Take a packet of so many bytes off the credit. False: it has to wait; nothing is taken. */
  take(bytes: number): boolean {
    if (bytes > this.remaining && this.exceeded(bytes)) return false
    this.remaining -= bytes
    return true
  }

  /** The packet was not taken from the ring after all, and will come again. */
  giveBack(bytes: number): void {
    this.remaining += bytes
  }

  /** The toolstack has written another rate; a queue that waits is looked at again at once. */
  change(rate: Rate): void {
    this.rate = rate
    if (this.pending) this.timer.again(0)
    else if (this.remaining > rate.bytes) this.remaining = rate.bytes
  }

  close(): void {
    this.timer.cancel()
    this.pending = false
  }

  private exceeded(bytes: number): boolean {
    if (this.pending) {
      this.limited = true
      return true
    }
    const now = this.engine.now()
    const nowMs = Math.floor(now / MS)
    const next = this.windowStart + Math.floor(this.rate.usec / 1000)
    if (nowMs >= next) {
      this.windowStart = nowMs
      this.refill()
    }
    if (bytes <= this.remaining) return false
    this.pending = true
    this.timer.again(Math.max(0, next * MS - now))
    this.windowStart = next
    this.limited = true
    return true
  }

  private refill(): void {
    const { bytes } = this.rate
    this.remaining = Math.min(this.remaining + bytes, Math.max(LEAST_BURST, bytes))
    this.limited = false
  }

  private expire(): void {
    this.pending = false
    this.refill()
    this.refilled()
  }
}
