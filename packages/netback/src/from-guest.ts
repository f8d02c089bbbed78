// Stage 4s of a frame's way out, second part: from the guest's TX ring into a frame of the driver domain.
import type { DropReason } from '@netaccel/core'
import { PacketInfo } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { applyOffload, COPY_BATCH } from '@netaccel/xen'
import { XEN_NETIF_RSP_ERROR, XEN_NETIF_RSP_OKAY } from '@netaccel/xen/netif'
import type { BackRing, GrantCopyBatch, RingOffload, Work } from '@netaccel/xen'
import type { BackQueueCounters } from './counters.js'
import type { GuestTap, RingObserver } from './guest-tap.js'
import type { GuestFrames } from './guest-frames.js'
import type { MulticastList } from './multicast.js'
import { MOST_SLOTS, TxPacket } from './tx-packet.js'
import type { FatalCause } from './tx-packet.js'
import type { TxResponses } from './tx-responses.js'

const PAGE = 4096
/** Packets and data slots of one batch. A slot takes at most two copies: the source page may lie across two of ours. */
const MOST_PACKETS = COPY_BATCH
const BATCH_SLOTS = COPY_BATCH + 4 * MOST_SLOTS

export interface FromGuestParts {
  readonly guest: number
  readonly frames: GuestFrames
  readonly batch: GrantCopyBatch
  readonly responses: TxResponses
  readonly multicast: MulticastList
  readonly counters: BackQueueCounters
  readonly work: Work
  /** Where the frames go: the bridge. It owns them. */
  forward(frame: Frame): void
}

/** Where a call of {@link FromGuest.run} ended. 'waiting': no frame is free; `frames.onFree` says when. */
export type FromGuestEnd = 'idle' | 'more' | 'waiting' | 'fatal'

/**
 * Takes packets from the ring in batches: judge the copied requests, queue the grant copies, one hypercall for all of
 * them, then answer and forward in order. The bytes of a frame are copied once and never looked at in the guest.
 */
export class FromGuest {
  tap: GuestTap | null
  /** Null: nobody observes. */
  observer: RingObserver | null
  answerOnDeparture: boolean
  /** What the guest did, when {@link run} said 'fatal'. */
  cause: FatalCause
  private readonly parts: FromGuestParts
  private readonly packet: TxPacket
  private readonly info: PacketInfo
  private readonly offload: RingOffload[]
  /** Of the packets in the batch. */
  private readonly frame: (Frame | null)[]
  private readonly firstSlot: Uint16Array
  private readonly slotCount: Uint8Array
  private readonly extraCount: Uint8Array
  private packets: number
  /** Of their slots: id, first copy and copies. */
  private readonly slotId: Uint16Array
  private readonly slotOp: Uint8Array
  private readonly slotOps: Uint8Array
  private slots: number

  constructor(parts: FromGuestParts) {
    this.parts = parts
    this.tap = null
    this.observer = null
    this.answerOnDeparture = false
    this.cause = 'none'
    this.packet = new TxPacket()
    this.info = new PacketInfo()
    this.offload = Array.from({ length: MOST_PACKETS }, () => ({
      blank: false,
      verified: false,
      gsoSize: 0,
      gsoType: 0,
    }))
    this.frame = Array.from({ length: MOST_PACKETS }, () => null)
    this.firstSlot = new Uint16Array(MOST_PACKETS)
    this.slotCount = new Uint8Array(MOST_PACKETS)
    this.extraCount = new Uint8Array(MOST_PACKETS)
    this.packets = 0
    this.slotId = new Uint16Array(BATCH_SLOTS)
    this.slotOp = new Uint8Array(BATCH_SLOTS)
    this.slotOps = new Uint8Array(BATCH_SLOTS)
    this.slots = 0
  }

  /** Take at most `budget` packets. Responses are written, not published: the caller does that once. */
  run(ring: BackRing, budget: number): FromGuestEnd {
    let end: FromGuestEnd = 'more'
    // The producer is an atomic load of a line that the guest writes: read again only when what it showed is used up.
    let available = 0
    for (let taken = 0; taken < budget; taken++) {
      if (available === 0) available = ring.unconsumedRequests()
      if (available <= 0) {
        end = available === 0 ? 'idle' : this.fatal('impossible number of requests')
        break
      }
      const verdict = this.packet.read(ring, available)
      if (verdict === 'packet') {
        if (!this.queue(ring)) {
          end = 'waiting'
          break
        }
      } else if (verdict === 'fatal') {
        end = this.fatal(this.packet.cause)
        break
      } else this.answerOnly(ring, verdict === 'multicast' ? this.changeList() : XEN_NETIF_RSP_ERROR)
      available -= this.packet.requests
    }
    this.flush()
    return end
  }

  /** Take the packet just read out of the ring and queue its copies. False: no frame is free, nothing was taken. */
  private queue(ring: BackRing): boolean {
    const { packet, parts } = this
    const { batch, guest, work } = parts
    const frame = parts.frames.take(packet.total)
    if (frame === null) return false
    // A copy is split where it meets a page of ours: once a page boundary inside the frame, at most.
    const copies = packet.slots + ((packet.total - 1) >>> 12)
    if (batch.count + copies > COPY_BATCH || this.slots + packet.slots > BATCH_SLOTS) this.flush()
    const record = this.packets++
    this.frame[record] = frame
    this.firstSlot[record] = this.slots
    this.slotCount[record] = packet.slots
    this.extraCount[record] = packet.extras
    const offload = this.offload[record]
    offload.blank = packet.offload.blank
    offload.verified = packet.offload.verified
    offload.gsoSize = packet.offload.gsoSize
    offload.gsoType = packet.offload.gsoType
    let to = frame.offset
    for (let slot = 0; slot < packet.slots; slot++) {
      const at = this.slots++
      const from = packet.offset[slot]
      const size = packet.size[slot]
      const ref = packet.gref[slot]
      this.slotId[at] = packet.id[slot]
      this.slotOp[at] = batch.count
      const room = PAGE - (to & (PAGE - 1))
      if (size > room) {
        batch.fromGrant(ref, guest, from, to, room)
        batch.fromGrant(ref, guest, from + room, to + room, size - room)
      } else if (size !== 0) batch.fromGrant(ref, guest, from, to, size)
      this.slotOps[at] = batch.count - this.slotOp[at]
      to += size
    }
    frame.length = packet.total
    work.slots += packet.requests
    work.bytesCopied += packet.total
    ring.reqCons = (ring.reqCons + packet.requests) >>> 0
    if (this.packets === MOST_PACKETS) this.flush()
    return true
  }

  /** One hypercall for everything queued, then answer and forward in the order of the ring. */
  private flush(): void {
    const { batch, work } = this.parts
    if (this.packets === 0) return
    batch.run()
    work.grantOps += batch.count
    work.frames += this.packets
    let failed = false
    for (let op = 0; op < batch.count; op++) if (batch.status(op) !== 0) failed = true
    for (let record = 0; record < this.packets; record++) this.finish(record, failed)
    batch.reset()
    this.packets = 0
    this.slots = 0
  }

  private finish(record: number, someFailed: boolean): void {
    const { responses, counters } = this.parts
    const frame = this.frame[record] as Frame
    this.frame[record] = null
    responses.entered(frame)
    const first = this.firstSlot[record]
    const slots = this.slotCount[record]
    const extras = this.extraCount[record]
    if (someFailed && this.answerFailures(first, slots, extras)) {
      counters.rx_errors++
      return this.drop(frame, 'netback_tx_copy_failed')
    }
    if (this.answerOnDeparture) responses.hold(frame, this.slotId, first, slots, extras)
    else {
      for (let slot = 0; slot < slots; slot++) {
        responses.write(this.slotId[first + slot], XEN_NETIF_RSP_OKAY, slot === 0 ? extras : 0)
      }
    }
    const described = applyOffload(frame, this.offload[record], this.info)
    if (described === 'bad-checksum') return this.drop(frame, 'netback_tx_bad_checksum')
    if (described === 'bad-gso') return this.drop(frame, 'netback_tx_bad_gso')
    if (described === 'fixed') counters.rx_gso_checksum_fixup++
    counters.rx_packets++
    counters.rx_bytes += frame.length
    counters.rx_segments += frame.segments
    if (this.observer !== null) this.observer.taken(frame)
    if (this.tap !== null) this.tap.fromGuest?.(frame)
    this.parts.forward(frame)
  }

  /** If a slot of the packet failed, answer all of them: the bad ones with an error, the others with OKAY. */
  private answerFailures(first: number, slots: number, extras: number): boolean {
    const { batch, responses } = this.parts
    let bad = false
    for (let slot = first; slot < first + slots; slot++) if (this.slotFailed(batch, slot)) bad = true
    if (!bad) return false
    for (let slot = first; slot < first + slots; slot++) {
      const status = this.slotFailed(batch, slot) ? XEN_NETIF_RSP_ERROR : XEN_NETIF_RSP_OKAY
      responses.write(this.slotId[slot], status, slot === first ? extras : 0)
    }
    return true
  }

  private slotFailed(batch: GrantCopyBatch, slot: number): boolean {
    const op = this.slotOp[slot]
    const ops = this.slotOps[slot]
    return (ops > 0 && batch.status(op) !== 0) || (ops > 1 && batch.status(op + 1) !== 0)
  }

  /** A packet that makes no frame: answer every slot with `status`. */
  private answerOnly(ring: BackRing, status: number): void {
    // Answers keep the order of the ring as far as they can: what was queued before is answered first.
    this.flush()
    const { packet, parts } = this
    const { responses, counters, work } = parts
    ring.reqCons = (ring.reqCons + packet.requests) >>> 0
    for (let slot = 0; slot < packet.slots; slot++) {
      responses.write(packet.id[slot], status, slot === 0 ? packet.extras : 0)
    }
    work.slots += packet.requests
    if (this.packet.isMulticast) return
    counters.rx_errors++
    counters.dropped.count(packet.reason, 1, packet.total)
  }

  private changeList(): number {
    const { multicast, multicastAdd } = this.packet
    if (!multicastAdd) this.parts.multicast.remove(multicast)
    else if (!this.parts.multicast.add(multicast)) return XEN_NETIF_RSP_ERROR
    return XEN_NETIF_RSP_OKAY
  }

  private fatal(cause: FatalCause): 'fatal' {
    this.cause = cause
    this.parts.counters.dropped.count('netback_tx_fatal', 1, 0)
    return 'fatal'
  }

  private drop(frame: Frame, reason: DropReason): void {
    this.parts.counters.dropped.count(reason, frame.segments, frame.length)
    frame.release()
  }
}
