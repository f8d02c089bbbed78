// Stage 4s of a frame's way in, first part: what waits for the guest, fitted to what the guest can take.
import type { DropReason } from '@netaccel/core'
import { copyBytes, ETH_HEADER, fillChecksum, linearise, Segmenter, VLAN_TAG } from '@netaccel/packet'
import type { Frame, FramePool } from '@netaccel/packet'
import type { Arena, BackRing } from '@netaccel/xen'
import { XEN_NETIF_NR_SLOTS_MIN } from '@netaccel/xen/netif'
import { takesBlank } from './blank-checksum.js'
import type { GuestFeatures } from './features.js'
import type { RingObserver, WrittenFrames } from './guest-tap.js'
import { RxWriter } from './rx-writer.js'
import type { RxHasher, RxWriterParts } from './rx-writer.js'
import { SendQueue } from './send-queue.js'

/** The longest frame for a guest without scatter-gather: its MTU is 1500 at most (Linux xenvif_change_mtu); a VLAN tag may be on it. */
const MOST_WITHOUT_SG = 1500 + ETH_HEADER + VLAN_TAG
/** The most data slots of one packet that every guest takes. */
const MOST_SLOTS = XEN_NETIF_NR_SLOTS_MIN

export interface ToGuestParts extends RxWriterParts {
  /** Frames for segments and for checksums filled in a copy; all of them are free again after each batch. */
  readonly scratch: FramePool<Arena>
}

/** Where a call of {@link ToGuest.run} ended. 'waiting': the guest has not posted enough; an event was asked for. */
export type ToGuestEnd = 'idle' | 'more' | 'waiting' | 'fatal'

/** Who waits for a place in the queue to be reached. */
interface Mark {
  readonly at: number
  readonly reached: (responseIndex: number) => void
}

/** The queue to a guest: frames are written as they come, cut or summed for a guest that cannot, or dropped. */
export class ToGuest {
  readonly queue: SendQueue
  private readonly parts: ToGuestParts
  private readonly writer: RxWriter
  private readonly segmenter: Segmenter
  /** Segment of the head of the queue that comes next; 0: it has not been begun. */
  private segment: number
  private marks: Mark[]
  private ring: BackRing | null
  /** Slots that the head of the queue waits for; 0: nothing waits. */
  private lacking: number

  constructor(parts: ToGuestParts) {
    this.parts = parts
    this.queue = new SendQueue()
    this.writer = new RxWriter(parts)
    this.segmenter = new Segmenter()
    this.segment = 0
    this.marks = []
    this.ring = null
    this.lacking = 0
  }

  /** Null: nobody observes. */
  set observer(observer: RingObserver | null) {
    this.writer.observer = observer
  }

  get written(): WrittenFrames | null {
    return this.writer.written
  }

  set written(keeper: WrittenFrames | null) {
    this.writer.written = keeper
  }

  /** Bytes that the guest wants free at the start of each page (xdp-headroom). */
  get headroom(): number {
    return this.writer.headroom
  }

  set headroom(bytes: number) {
    this.writer.headroom = bytes
  }

  /** Hashes what is written, for a guest that has asked for it; null: it has not. */
  set hasher(hasher: RxHasher | null) {
    this.writer.hasher = hasher
  }

  /** A guest is there; null: it is gone, and what waits is for the next one or for {@link drain}. */
  connect(ring: BackRing | null): void {
    this.ring = ring
    this.segment = 0
    this.lacking = 0
    this.segmenter.end()
  }

  /** What waits can go on: the guest has posted enough for it, or claims what no ring can hold. */
  canGoOn(ring: BackRing): boolean {
    if (this.lacking === 0) return false
    const ready = ring.unconsumedRequests()
    return ready < 0 || ready >= this.lacking
  }

  /** Write at most `budget` frames (or segments). Responses are not published: the caller does that once. */
  run(ring: BackRing, features: GuestFeatures, budget: number): ToGuestEnd {
    const { queue, writer } = this
    const takesAnyBlank = features.ipv4Checksum && features.ipv6Checksum
    const lane = writer.takesPlain && features.sg
    let end: ToGuestEnd = 'more'
    let ready = queue.count === 0 ? 0 : ring.unconsumedRequests()
    let left = budget
    this.lacking = 0
    while (left > 0) {
      // A mark is told in front of the very frame before which it stands, so the fast lane waits until there is none.
      if (this.segment === 0 && this.marks.length === 0 && lane) {
        const plain = writer.writePlain(ring, queue, ready < left ? ready : left, takesAnyBlank)
        ready -= plain
        left -= plain
        if (left === 0) break
      }
      left--
      const frame = queue.peek()
      if (frame === null) {
        end = 'idle'
        break
      }
      if (this.segment === 0 && !this.suits(frame, features)) continue
      const length = this.segmenter.count === 0 ? frame.length : this.segmenter.lengthOf(this.segment)
      const needed = writer.slotsFor(length, frame.gsoSize !== 0 && this.segmenter.count === 0)
      if (ready < needed) {
        // An atomic load of a line that the guest writes, and an event asked for if it has not posted enough.
        if (!ring.requestsAtLeast(needed)) {
          end = ring.unconsumedRequests() < 0 ? 'fatal' : 'waiting'
          this.lacking = needed
          break
        }
        ready = ring.unconsumedRequests()
      }
      ready -= needed
      if (this.segmenter.count !== 0) this.writeSegment(ring, frame)
      else this.writeWhole(ring, frame, features)
    }
    writer.flush(ring)
    return end
  }

  /** When all that stands in the queue now has been written or dropped, tell the index of the next response. */
  mark(reached: (responseIndex: number) => void): void {
    if (this.queue.count === 0) reached(this.position)
    else this.marks.push({ at: this.queue.entered, reached })
  }

  /** Drop the oldest frame: the guest gives it no slots. */
  dropHead(reason: DropReason): void {
    const frame = this.queue.peek()
    if (frame === null) return
    this.lacking = 0
    const count = this.segmenter.count
    const left = count === 0 ? frame.segments : count - this.segment
    this.parts.counters.dropped.count(reason, left, frame.length)
    this.next(frame.length)
    frame.release()
  }

  /** Drop all that waits. */
  drain(reason: DropReason): void {
    while (this.queue.count !== 0) this.dropHead(reason)
  }

  /**
   * Can the guest take this frame, if need be cut into segments? If not, the frame is dropped. A frame without slots
   * enough to arrive whole is never begun.
   */
  private suits(frame: Frame, features: GuestFeatures): boolean {
    const { segmenter, writer } = this
    if (frame.gsoSize === 0) {
      if (this.takesLength(frame.length, features)) return true
      this.dropHead('netback_rx_too_long')
      return false
    }
    const takesGso = features.sg && (frame.gsoType === 'tcpv4' ? features.gsoTcpv4 : features.gsoTcpv6)
    if (takesGso && writer.dataSlots(frame.length) <= MOST_SLOTS) return true
    this.makeLinear(frame)
    if (segmenter.begin(frame)) {
      const { longest } = segmenter
      if (longest <= this.parts.scratch.stride && this.takesLength(longest, features)) return true
    }
    segmenter.end()
    this.dropHead('netback_rx_too_long')
    return false
  }

  private takesLength(length: number, features: GuestFeatures): boolean {
    const slots = this.writer.dataSlots(length)
    return features.sg ? slots <= MOST_SLOTS : slots === 1 && length <= MOST_WITHOUT_SG
  }

  private writeSegment(ring: BackRing, frame: Frame): void {
    const { counters, work } = this.parts
    const piece = this.takeScratch(ring)
    this.segmenter.write(this.segment, piece, false)
    work.bytesCopied += piece.length
    work.bytesSummed += piece.length
    this.writer.write(ring, piece)
    this.writer.keep(piece)
    if (this.segment === 0) counters.tx_segmented++
    else counters.tx_segmented_header_bytes += this.segmenter.headerLength
    this.segment++
    if (this.segment < this.segmenter.count) return
    this.next(frame.length)
    this.writer.keep(frame)
  }

  private writeWhole(ring: BackRing, frame: Frame, features: GuestFeatures): void {
    const length = frame.length
    const filled = frame.checksum === 'blank' && frame.gsoSize === 0 && !takesBlank(frame, features)
    const sent = filled ? this.withChecksum(ring, frame) : frame
    this.writer.write(ring, sent)
    this.writer.keep(sent)
    this.next(length)
  }

  /** The frame itself if nobody else looks at it, else a copy, with its checksum filled in. */
  private withChecksum(ring: BackRing, frame: Frame): Frame {
    const { counters, work, scratch } = this.parts
    counters.tx_checksummed++
    this.makeLinear(frame)
    work.bytesSummed += frame.length
    if (frame.holders === 1 || frame.length > scratch.stride) {
      fillChecksum(frame)
      return frame
    }
    const copy = this.takeScratch(ring)
    work.bytesCopied += frame.length
    copy.length = frame.length
    copy.describeAs(frame)
    copyBytes(copy.words, copy.offset, frame.words, frame.offset, frame.length)
    fillChecksum(copy)
    this.writer.keep(frame)
    return copy
  }

  /** Its bytes are about to be read or written by the processor. */
  private makeLinear(frame: Frame): void {
    if (frame.fragments === null) return
    this.parts.work.bytesCopied += frame.fragments.bytes
    linearise(frame)
  }

  /** The head of the queue has been dealt with. */
  private next(length: number): void {
    this.segmenter.end()
    this.segment = 0
    this.queue.shift(length)
    if (this.marks.length === 0) return
    const left = this.queue.left
    while (this.marks.length !== 0 && ((left - this.marks[0].at) | 0) >= 0) {
      const mark = this.marks.shift() as Mark
      mark.reached(this.position)
    }
  }

  private get position(): number {
    return this.ring === null ? 0 : this.ring.rspProdPvt
  }

  private takeScratch(ring: BackRing): Frame {
    const { parts, writer } = this
    if (writer.crowded || parts.scratch.free === 0) writer.flush(ring)
    return parts.scratch.take() as Frame
  }
}
