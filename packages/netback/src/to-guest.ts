// Stage 4s of a frame's way in: from the bridge into the pages that the guest has posted.
import type { DropReason } from '@netaccel/core'
import { copyBytes, fillChecksum, Segmenter } from '@netaccel/packet'
import type { Frame, FramePool } from '@netaccel/packet'
import { COPY_BATCH } from '@netaccel/xen'
import {
  readRxRequest,
  rxRequest,
  writeGsoExtra,
  writeRxResponse,
  XEN_NETIF_GSO_TYPE_TCPV4,
  XEN_NETIF_GSO_TYPE_TCPV6,
  XEN_NETRXF_CSUM_BLANK,
  XEN_NETRXF_DATA_VALIDATED,
  XEN_NETRXF_EXTRA_INFO,
  XEN_NETRXF_MORE_DATA,
} from '@netaccel/xen/netif'
import type { Arena, BackRing, GrantCopyBatch, Work } from '@netaccel/xen'
import type { RxRequest } from '@netaccel/xen/netif'
import { takesBlank } from './blank-checksum.js'
import type { BackQueueCounters } from './counters.js'
import type { GuestFeatures } from './features.js'
import type { RingObserver } from './guest-tap.js'
import { SendQueue } from './send-queue.js'

const PAGE = 4096
/** Copies a frame may take: one a page of the guest's, cut once more at each page boundary of ours that is not theirs. */
function copiesOf(frame: Frame): number {
  const within = frame.offset & (PAGE - 1)
  const slots = (frame.length + PAGE - 1) >>> 12
  return within === 0 ? slots : slots + ((within + frame.length - 1) >>> 12)
}

export interface ToGuestParts {
  readonly guest: number
  readonly batch: GrantCopyBatch
  readonly counters: BackQueueCounters
  readonly work: Work
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

/**
 * Writes queued frames into the guest's ring: slot 0, the GSO extra if there is one, the other slots; each response
 * stands in the slot of its own request, which is how the guest finds the page. Responses are written before the copies
 * run and shown after, so a failed copy can still put its status there.
 */
export class ToGuest {
  readonly queue: SendQueue
  /** Null: nobody observes. */
  observer: RingObserver | null
  private readonly parts: ToGuestParts
  private readonly request: RxRequest
  private readonly segmenter: Segmenter
  /** Segment of the head of the queue that comes next; 0: it has not been begun. */
  private segment: number
  private marks: Mark[]
  /** Frames to be released when the batch has run. */
  private readonly written: (Frame | null)[]
  private writtenCount: number
  /** Byte offset in the ring page of the response each copy belongs to, and that response's flags. */
  private readonly responseOf: Int32Array
  private readonly flagsOf: Uint16Array
  private ring: BackRing | null

  constructor(parts: ToGuestParts) {
    this.parts = parts
    this.queue = new SendQueue()
    this.observer = null
    this.request = rxRequest()
    this.segmenter = new Segmenter()
    this.segment = 0
    this.marks = []
    this.written = Array.from({ length: 2 * COPY_BATCH }, () => null)
    this.writtenCount = 0
    this.responseOf = new Int32Array(COPY_BATCH)
    this.flagsOf = new Uint16Array(COPY_BATCH)
    this.ring = null
  }

  /** A guest is there; null: it is gone, and what waits is for the next one or for {@link drain}. */
  connect(ring: BackRing | null): void {
    this.ring = ring
    this.segment = 0
    this.segmenter.end()
  }

  /** Write at most `budget` frames (or segments). Responses are not published: the caller does that once. */
  run(ring: BackRing, features: GuestFeatures, budget: number): ToGuestEnd {
    let end: ToGuestEnd = 'more'
    let ready = 0
    for (let done = 0; done < budget; done++) {
      const frame = this.queue.peek()
      if (frame === null) {
        end = 'idle'
        break
      }
      if (this.segment === 0 && !this.suits(frame, features)) continue
      const length = this.segmenter.count === 0 ? frame.length : this.segmenter.lengthOf(this.segment)
      const extra = frame.gsoSize !== 0 && this.segmenter.count === 0 ? 1 : 0
      const needed = ((length + PAGE - 1) >>> 12) + extra
      if (ready < needed) {
        // An atomic load of a line that the guest writes, and an event asked for if it has not posted enough.
        if (!ring.requestsAtLeast(needed)) {
          end = ring.unconsumedRequests() < 0 ? 'fatal' : 'waiting'
          break
        }
        ready = ring.unconsumedRequests()
      }
      ready -= needed
      if (this.segmenter.count !== 0) this.writeSegment(ring, frame)
      else this.writeWhole(ring, frame, features)
    }
    this.flush(ring)
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
    if (frame.gsoSize === 0) {
      if (frame.length <= PAGE || (features.sg && frame.length <= 17 * PAGE)) return true
      this.dropHead('netback_rx_too_long')
      return false
    }
    if (features.sg && (frame.gsoType === 'tcpv4' ? features.gsoTcpv4 : features.gsoTcpv6)) return true
    if (this.segmenter.begin(frame) && this.segmenter.longest <= this.parts.scratch.stride) return true
    this.segmenter.end()
    this.dropHead('netback_rx_too_long')
    return false
  }

  private writeSegment(ring: BackRing, frame: Frame): void {
    const { counters, work } = this.parts
    const piece = this.takeScratch(ring)
    this.segmenter.write(this.segment, piece, false)
    work.bytesCopied += piece.length
    work.bytesSummed += piece.length
    this.write(ring, piece)
    this.keep(piece)
    if (this.segment === 0) counters.tx_segmented++
    else counters.tx_segmented_header_bytes += this.segmenter.headerLength
    this.segment++
    if (this.segment < this.segmenter.count) return
    this.next(frame.length)
    frame.release()
  }

  private writeWhole(ring: BackRing, frame: Frame, features: GuestFeatures): void {
    const length = frame.length
    const filled = frame.checksum === 'blank' && frame.gsoSize === 0 && !takesBlank(frame, features)
    const sent = filled ? this.withChecksum(ring, frame) : frame
    this.write(ring, sent)
    this.keep(sent)
    this.next(length)
  }

  /** The frame itself if nobody else looks at it, else a copy, with its checksum filled in. */
  private withChecksum(ring: BackRing, frame: Frame): Frame {
    const { counters, work, scratch } = this.parts
    counters.tx_checksummed++
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
    frame.release()
    return copy
  }

  /** Fill slots with the frame's bytes: copies are queued, responses written, nothing published. */
  private write(ring: BackRing, frame: Frame): void {
    const { batch, guest, counters, work } = this.parts
    if (batch.count + copiesOf(frame) > COPY_BATCH) this.flush(ring)
    const words = ring.page.words
    const request = this.request
    let flags = 0
    if (frame.checksum === 'blank') flags = XEN_NETRXF_CSUM_BLANK | XEN_NETRXF_DATA_VALIDATED
    else if (frame.checksum === 'verified') flags = XEN_NETRXF_DATA_VALIDATED
    if (frame.gsoSize !== 0) flags |= XEN_NETRXF_EXTRA_INFO
    let from = frame.offset
    let left = frame.length
    let index = ring.reqCons
    let slots = 0
    while (left > 0) {
      const at = ring.slotOffset(index)
      readRxRequest(words, at, request)
      const size = left < PAGE ? left : PAGE
      const room = PAGE - (from & (PAGE - 1))
      const shown = left > size ? flags | XEN_NETRXF_MORE_DATA : flags
      this.responseOf[batch.count] = at
      this.flagsOf[batch.count] = shown
      if (size > room) {
        batch.toGrant(from, request.gref, guest, 0, room)
        this.responseOf[batch.count] = at
        this.flagsOf[batch.count] = shown
        batch.toGrant(from + room, request.gref, guest, room, size - room)
      } else batch.toGrant(from, request.gref, guest, 0, size)
      from += size
      left -= size
      writeRxResponse(words, at, request.id, 0, shown, size)
      index = (index + 1) >>> 0
      slots++
      if ((flags & XEN_NETRXF_EXTRA_INFO) !== 0) {
        const type = frame.gsoType === 'tcpv4' ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_TCPV6
        writeGsoExtra(words, ring.slotOffset(index), frame.gsoSize, type, 0)
        index = (index + 1) >>> 0
        slots++
      }
      flags = 0
    }
    ring.reqCons = index
    ring.rspProdPvt = index
    counters.tx_packets++
    counters.tx_bytes += frame.length
    counters.tx_segments += frame.segments
    if (this.observer !== null) this.observer.written(frame)
    work.frames++
    work.slots += slots
    work.bytesCopied += frame.length
  }

  private flush(ring: BackRing): void {
    const { batch, counters, work } = this.parts
    if (batch.count !== 0) {
      batch.run()
      work.grantOps += batch.count
      const words = ring.page.words
      for (let op = 0; op < batch.count; op++) {
        const status = batch.status(op)
        if (status === 0) continue
        // The raw grant status, as Linux puts it there. Flags and status are the second word of the response.
        words[(this.responseOf[op] + 4) >> 2] = this.flagsOf[op] | (status << 16)
        counters.tx_copy_errors++
      }
      batch.reset()
    }
    for (let i = 0; i < this.writtenCount; i++) {
      const frame = this.written[i] as Frame
      this.written[i] = null
      frame.release()
    }
    this.writtenCount = 0
  }

  /** The head of the queue has been dealt with. */
  private next(length: number): void {
    this.segmenter.end()
    this.segment = 0
    this.queue.shift(length)
    if (this.marks.length === 0) return
    const left = this.queue.left
    while (this.marks.length !== 0 && this.marks[0].at <= left) {
      const mark = this.marks.shift() as Mark
      mark.reached(this.position)
    }
  }

  private get position(): number {
    return this.ring === null ? 0 : this.ring.rspProdPvt
  }

  private keep(frame: Frame): void {
    this.written[this.writtenCount++] = frame
  }

  private takeScratch(ring: BackRing): Frame {
    if (this.writtenCount > COPY_BATCH || this.parts.scratch.free === 0) this.flush(ring)
    return this.parts.scratch.take() as Frame
  }
}
