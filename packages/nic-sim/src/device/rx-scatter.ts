// Stage 4f of a frame's way in: the VI. A frame is laid into the buffers that the guest has posted.
import type { Frame } from '@netaccel/packet'
import {
  EVENT_COUNT_SHIFT,
  EVENT_RX,
  LENGTH_MASK,
  REASON_MALFORMED,
  REASON_PHASE,
  REASON_RIGHTS,
  REASON_TRUNCATED,
  RX_CONTINUED,
  RX_MAX_BUFFERS,
  RX_START,
} from '../constants.js'
import type { DeviceParts } from './device-parts.js'
import { NO_RIGHTS } from './address-space.js'
import type { VirtualInterface } from './virtual-interface.js'
import { TX_EVENT_RESERVE } from './virtual-interface.js'

/**
 * Lays a received frame into the buffers that a VI has posted. All descriptors that it needs are read once and
 * checked before the first byte is written: a frame is written whole or not at all.
 */
export class RxScatter {
  private readonly device: DeviceParts
  private readonly addresses: Int32Array
  private readonly lengths: Int32Array
  private readonly places: Int32Array
  private used: number

  constructor(device: DeviceParts) {
    this.device = device
    this.addresses = new Int32Array(RX_MAX_BUFFERS)
    this.lengths = new Int32Array(RX_MAX_BUFFERS)
    this.places = new Int32Array(RX_MAX_BUFFERS)
    this.used = 0
  }

  /**
   * 'laid': the frame is in the buffers, or was thrown away, and events say so. 'no-room': too few descriptors or too
   * few event slots; nothing was changed. `flags` are those of its last event, `discard` is a
   * reason to throw it away, or 0.
   */
  lay(vi: VirtualInterface, frame: Frame, flags: number, discard: number): 'laid' | 'no-room' {
    const reason = this.collect(vi, frame.length)
    if (reason < 0) return 'no-room'
    const bad = reason > 0 ? reason : discard
    const events = (bad > 0 ? 1 : this.used) + (vi.untold > 0 ? 1 : 0)
    if (vi.eventRoom < events + TX_EVENT_RESERVE) return 'no-room'
    vi.flushMissed()
    this.device.meter.descriptors += this.used
    if (bad > 0) vi.discardRx(this.used, bad, frame.length)
    else this.write(vi, frame, flags)
    return 'laid'
  }

  /** As {@link lay} for a frame that fits the first buffer; false, and nothing was changed: any other case. */
  layOne(vi: VirtualInterface, frame: Frame, flags: number): boolean {
    const index = vi.rxConsumer
    const { rx } = vi
    const { length } = frame
    if (index === vi.rxProducer || vi.untold > 0 || vi.eventRoom <= TX_EVENT_RESERVE) return false
    const place = rx.place(index)
    const address = rx.ints[place]
    const word1 = rx.ints[place + 1]
    if ((word1 & LENGTH_MASK) < length || !rx.inPhase(index, word1)) return false
    const to = vi.space.resolve(vi.id, address, length)
    if (to < 0) return false
    const { dma, meter } = this.device
    dma.in(to, length, frame.words, frame.offset)
    vi.rxConsumer = (index + 1) >>> 0
    vi.post((length << EVENT_COUNT_SHIFT) | (index & (rx.capacity - 1)), EVENT_RX, RX_START | flags)
    vi.toldRx()
    vi.rxBytes += length
    meter.descriptors++
    meter.bytes += length
    return true
  }

  /** Reads descriptors until `length` bytes have a place. 0: they have; above 0: why not; -1: not enough posted. */
  private collect(vi: VirtualInterface, length: number): number {
    const end = vi.rxProducer
    let index = vi.rxConsumer
    let left = length
    this.used = 0
    while (left > 0) {
      if (this.used === RX_MAX_BUFFERS) return REASON_TRUNCATED
      if (index === end) return -1
      const address = vi.rx.word0(index)
      const word1 = vi.rx.word1(index)
      const size = word1 & LENGTH_MASK
      const part = size < left ? size : left
      const at = this.used++
      if (!vi.rx.inPhase(index, word1)) return REASON_PHASE
      if (size === 0) return REASON_MALFORMED
      const place = vi.space.resolve(vi.id, address, part)
      if (place === NO_RIGHTS) return REASON_RIGHTS
      this.places[at] = place
      this.addresses[at] = address
      this.lengths[at] = part
      left -= part
      index = (index + 1) >>> 0
    }
    return 0
  }

  private write(vi: VirtualInterface, frame: Frame, flags: number): void {
    const { dma, meter } = this.device
    const { used } = this
    let done = 0
    for (let i = 0; i < used; i++) {
      const from = frame.offset + done
      dma.write(vi.space, vi.id, this.places[i], this.addresses[i], this.lengths[i], frame.words, from)
      done += this.lengths[i]
      const last = i === used - 1
      const place = (i === 0 ? RX_START : 0) | (last ? flags : RX_CONTINUED)
      const slot = vi.rxConsumer & (vi.rx.capacity - 1)
      vi.rxConsumer = (vi.rxConsumer + 1) >>> 0
      vi.post((done << EVENT_COUNT_SHIFT) | slot, EVENT_RX, place)
    }
    vi.toldRx()
    vi.rxBytes += frame.length
    meter.bytes += frame.length
  }
}
