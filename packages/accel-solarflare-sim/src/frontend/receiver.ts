// Stage 3f of a frame's way in, first part: from events of the VI to a frame.
import type { Frame, FrontendQueue, RxDrop } from '@netaccel/core'
import { ETH_DESTINATION, ETH_HEADER, ETH_SOURCE } from '@netaccel/core'
import {
  EVENT_BYTES_MASK,
  EVENT_BYTES_SHIFT,
  EVENT_COUNT_SHIFT,
  EVENT_REASON_MASK,
  EVENT_SLOT_MASK,
  REASON_CHECKSUM,
  REASON_CRC,
  REASON_NO_DESCRIPTOR,
  REASON_RIGHTS,
  REASON_TRUNCATED,
  RX_CHECKSUM_OK,
  RX_CONTINUED,
  RX_MAX_BUFFERS,
  RX_START,
  RX_SWITCHED,
} from '@netaccel/nic-sim/constants'
import type { MacTable } from './mac-table.js'
import type { RxFrame } from './rx-frame.js'
import type { RxRing } from './rx-ring.js'
import { RX_BUFFER } from './sizes.js'
import type { Tally } from './tally.js'

/** Where a buffer stands within its frame. */
const PLACE = RX_START | RX_CONTINUED
/** Multicast bit of the first two bytes of an address. */
const MULTICAST = 0x0100

/** Told of frames that a filter let through although they are not for this guest. */
export interface ForeignFrames {
  seen(frame: Frame): void
}

/**
 * RX events: buffers to frames, each delivered once or dropped once with its reason (RX-03). Learns the senders that
 * can be reached past the bridge.
 */
export class Receiver {
  /** The guest's own address. */
  private macHigh: number
  private macLow: number
  private readonly ring: RxRing
  private readonly frame: RxFrame
  private readonly macs: MacTable
  private readonly foreign: ForeignFrames
  private readonly tally: Tally

  constructor(ring: RxRing, frame: RxFrame, macs: MacTable, foreign: ForeignFrames, tally: Tally) {
    this.macHigh = 0
    this.macLow = 0
    this.ring = ring
    this.frame = frame
    this.macs = macs
    this.foreign = foreign
    this.tally = tally
  }

  /** The guest's own address; the last 4 bytes as a signed number. */
  setMac(high: number, low: number): void {
    this.macHigh = high
    this.macLow = low
  }

  /** An RX event: one buffer. True: a frame was delivered. */
  buffer(word0: number, word1: number, queue: FrontendQueue): boolean {
    const { frame } = this
    if (!this.align(word0 & EVENT_SLOT_MASK, queue)) return false
    const buffer = this.ring.take()
    const total = word0 >>> EVENT_COUNT_SHIFT
    // The ordinary case: one buffer is the frame.
    if ((word1 & PLACE) === RX_START && !frame.begun && total >= 1 && total <= RX_BUFFER) {
      buffer.length = total
      return this.deliver(buffer, word1, queue)
    }
    if ((word1 & RX_START) !== 0) {
      // Two beginnings: the end of the frame before was lost.
      if (frame.begun) this.spoil('malformed', queue)
    } else if (!frame.begun) {
      // An end without its head.
      buffer.release()
      this.tally.frameTruncated++
      queue.dropRx('malformed', 1, 0)
      return false
    }
    if (!frame.add(buffer, total)) {
      this.spoil('malformed', queue)
      return false
    }
    if ((word1 & RX_CONTINUED) !== 0) return false
    const whole = frame.finish(queue)
    return whole !== null && this.deliver(whole, word1, queue)
  }

  /** The VI is gone: a frame that has begun will not end. */
  release(): void {
    this.frame.release()
  }

  /** An RX_DISCARD event: the NIC gives buffers back without a frame. */
  discard(word0: number, word1: number, queue: FrontendQueue): void {
    const reason = word1 & EVENT_REASON_MASK
    const bytes = (word1 >>> EVENT_BYTES_SHIFT) & EVENT_BYTES_MASK
    const count = word0 >>> EVENT_COUNT_SHIFT
    if (reason === REASON_NO_DESCRIPTOR) {
      this.tally.noDescriptor += count
      queue.dropRx('no-descriptor', count, bytes)
      return
    }
    if (count > RX_MAX_BUFFERS || (count > 0 && !this.align(word0 & EVENT_SLOT_MASK, queue))) {
      this.tally.badEventCount++
      return
    }
    if (this.frame.begun) this.spoil('malformed', queue)
    for (let i = 0; i < count && this.ring.posted > 0; i++) this.ring.take().release()
    queue.dropRx(this.reasonOf(reason), 1, bytes)
  }

  /** Bring the ring to the buffer in `slot`. False: the event is not to be believed. */
  private align(slot: number, queue: FrontendQueue): boolean {
    const missed = this.ring.expect(slot)
    if (missed < 0) {
      this.tally.badEventCount++
      return false
    }
    if (missed > 0) {
      // Their events were lost, and with them what they held.
      if (this.frame.begun) this.spoil('malformed', queue)
      for (let i = 0; i < missed; i++) this.ring.take().release()
      this.tally.badEventCount += missed
      queue.dropRx('malformed', missed, 0)
    }
    return true
  }

  private spoil(reason: RxDrop, queue: FrontendQueue): void {
    this.tally.frameTruncated++
    this.frame.drop(reason, queue)
  }

  private deliver(frame: Frame, word1: number, queue: FrontendQueue): boolean {
    if (frame.length < ETH_HEADER) {
      queue.dropRx('malformed', 1, frame.length)
      frame.release()
      return false
    }
    const { view, offset } = frame
    // What the switch gave us is of this host: its sender may be anybody behind the VI that sent it.
    if ((word1 & RX_SWITCHED) === 0) this.learn(view, offset + ETH_SOURCE)
    const to = offset + ETH_DESTINATION
    const high = view.getUint16(to)
    if ((high & MULTICAST) === 0 && (high !== this.macHigh || view.getInt32(to + 2) !== this.macLow))
      this.foreign.seen(frame)
    frame.checksum = (word1 & RX_CHECKSUM_OK) !== 0 ? 'verified' : 'none'
    frame.gsoSize = 0
    frame.segments = 1
    queue.deliver(frame)
    return true
  }

  private learn(view: DataView, at: number): void {
    const high = view.getUint16(at)
    const low = view.getInt32(at + 2)
    if ((high & MULTICAST) !== 0 || (high | low) === 0) return
    if (high === this.macHigh && low === this.macLow) return
    if (this.macs.learn(high, low)) this.tally.macsLearnt++
  }

  private reasonOf(reason: number): RxDrop {
    const { tally } = this
    switch (reason) {
      case REASON_TRUNCATED:
        tally.frameTruncated++
        return 'truncated'
      case REASON_CRC:
        tally.crcBad++
        return 'bad-crc'
      case REASON_CHECKSUM:
        tally.checksumBad++
        return 'bad-checksum'
      case REASON_RIGHTS:
        tally.rightsBad++
        return 'rights'
      default:
        tally.discardOther++
        return 'malformed'
    }
  }
}
