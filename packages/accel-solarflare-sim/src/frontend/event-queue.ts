import type { View } from '@netaccel/core'
import { ENTRY_SHIFT } from '@netaccel/nic-sim/constants'
import type { Doorbell } from './doorbell.js'

/** Part of the queue after which the places read are given back, so that it never fills while a poll is late. */
const CREDIT_SHIFT = 3

/**
 * The guest's end of the event queue: read only. Each event is looked at once, its words taken into fields before
 * they are used; whether it is there is told by the phase bit alone, so a poll ends within one lap whatever the
 * ring holds (RX-09).
 */
export class EventQueue {
  readonly capacity: number
  /** The event that {@link next} found. */
  word0: number
  word1: number
  private readonly view: DataView
  private readonly base: number
  private readonly doorbell: Doorbell
  private readonly mask: number
  private read: number
  private credited: number

  constructor(ring: View, capacity: number, firstRead: number, doorbell: Doorbell) {
    this.capacity = capacity
    this.word0 = 0
    this.word1 = 0
    this.view = ring.view
    this.base = ring.offset
    this.doorbell = doorbell
    this.mask = capacity - 1
    this.read = firstRead
    this.credited = firstRead
  }

  /** An event stands unread. */
  get waiting(): boolean {
    const { read } = this
    const word1 = this.view.getInt32(this.base + ((read & this.mask) << ENTRY_SHIFT) + 4, true)
    return this.isOfLap(read, word1)
  }

  /** Take the next event into `word0`, `word1`. False: none is there. */
  next(): boolean {
    const { read, view } = this
    const at = this.base + ((read & this.mask) << ENTRY_SHIFT)
    // The word with the phase first: the NIC writes it last.
    const word1 = view.getInt32(at + 4, true)
    if (!this.isOfLap(read, word1)) return false
    this.word1 = word1
    this.word0 = view.getUint32(at, true)
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
