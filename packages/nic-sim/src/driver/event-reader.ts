import type { Arena } from '@netaccel/xen'
import { ENTRY_SHIFT, EVENT_KIND_MASK, EVENT_KIND_SHIFT } from '../constants.js'

/** The driver's end of its event queue; whether an event is there is told by the phase bit alone. */
export class EventReader {
  /** The event that {@link next} found. */
  word0: number
  word1: number
  /** Index of the next event. */
  read: number
  readonly capacity: number
  private readonly ring: Arena
  private readonly mask: number

  constructor(ring: Arena, capacity: number) {
    this.word0 = 0
    this.word1 = 0
    this.read = 0
    this.capacity = capacity
    this.ring = ring
    this.mask = capacity - 1
  }

  get kind(): number {
    return (this.word1 >>> EVENT_KIND_SHIFT) & EVENT_KIND_MASK
  }

  /** An event stands unread. */
  get waiting(): boolean {
    const at = this.ring.offset + ((this.read & this.mask) << ENTRY_SHIFT)
    return this.ring.view.getInt32(at + 4, true) < 0 === ((this.read & this.capacity) === 0)
  }

  /** Take the next event into `word0`, `word1`. False: none is there. */
  next(): boolean {
    const { read, ring } = this
    const at = ring.offset + ((read & this.mask) << ENTRY_SHIFT)
    const word1 = ring.view.getInt32(at + 4, true)
    if (word1 < 0 !== ((read & this.capacity) === 0)) return false
    this.word1 = word1
    this.word0 = ring.view.getInt32(at, true)
    this.read = (read + 1) >>> 0
    return true
  }
}
