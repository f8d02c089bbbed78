import type { View } from '@netaccel/core'
import { wordsOf } from '@netaccel/core'
import { ENTRY_SHIFT } from '@netaccel/nic-sim/constants'
import type { Doorbell } from './doorbell.js'

/** Part of the queue after which the places read are given back, so that it never fills while a poll is late. */
const CREDIT_SHIFT = 3
/** Words of an event. */
const ENTRY_WORDS_SHIFT = ENTRY_SHIFT - 2

/**
 * The guest's end of the event queue: read only. Each event is looked at once, its words taken into fields before
 * they are used; whether it is there is told by the phase bit alone, so a poll ends within one lap whatever the
 * ring holds (RX-09).
 */
export class EventQueue {
  readonly capacity: number
  /** The event that {@link next} found; signed words, which are never boxed. */
  word0: number
  word1: number
  /** The memory as words, and the index of the ring's first. */
  private readonly ints: Int32Array
  private readonly base: number
  private readonly doorbell: Doorbell
  private readonly mask: number
  private read: number
  private credited: number

  constructor(ring: View, capacity: number, firstRead: number, doorbell: Doorbell) {
    this.capacity = capacity
    this.word0 = 0
    this.word1 = 0
    this.ints = wordsOf(ring.bytes).ints
    this.base = ring.offset >>> 2
    this.doorbell = doorbell
    this.mask = capacity - 1
    this.read = firstRead
    this.credited = firstRead
  }

  /** An event stands unread. */
  get waiting(): boolean {
    const { read } = this
    return this.isOfLap(read, this.ints[this.base + ((read & this.mask) << ENTRY_WORDS_SHIFT) + 1])
  }

  /** Take the next event into `word0`, `word1`. False: none is there. */
  next(): boolean {
    const { read, ints } = this
    const at = this.base + ((read & this.mask) << ENTRY_WORDS_SHIFT)
    // The word with the phase first: the NIC writes it last.
    const word1 = ints[at + 1]
    if (!this.isOfLap(read, word1)) return false
    this.word1 = word1
    this.word0 = ints[at]
    this.read = (read + 1) >>> 0
    return true
  }

  /** Give places back once there are many. */
  credit(): void {
    if ((this.read - this.credited) >>> 0 < this.capacity >>> CREDIT_SHIFT) return
    this.credited = this.read
    this.doorbell.eventsRead(this.read)
  }

  /** Ask for a wake-up at the next event; the places read are given back with it. */
  arm(): void {
    this.credited = this.read
    this.doorbell.arm(this.read)
  }

  /** Bit 31, the phase, is the sign: set on even laps. */
  private isOfLap(index: number, word1: number): boolean {
    return word1 < 0 === ((index & this.capacity) === 0)
  }
}
