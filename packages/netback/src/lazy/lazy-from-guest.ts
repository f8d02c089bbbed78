// Stage 4s of a frame's way out, where packets are mapped instead of copied (docs/lazy-copy.md).
import { linearise, parsePacket } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { applyOffload } from '@netaccel/xen'
import type { BackRing, GrantCopyBatch, RingOffload } from '@netaccel/xen'
import { FromGuest } from '../from-guest.js'
import type { FromGuestEnd, FromGuestParts } from '../from-guest.js'
import type { LazyCopy } from './lazy-copy.js'
import { HEADER_BYTES, MappedBatch } from './mapped-batch.js'

/** Longer than any packet of one slot. */
const LONGEST = 65_536
/** Bytes behind the headers that somebody reads who reads no more than headers: a probe's number. */
const LOOKED_AT = 8

export interface LazyFromGuestParts extends FromGuestParts {
  readonly lazy: LazyCopy
  /** Packets of up to so many bytes are copied whole; at least {@link HEADER_BYTES}. */
  readonly copyBreak: number
  /** For the headers; this object's alone, which disposes of it. */
  readonly headers: GrantCopyBatch
}

/**
 * As {@link FromGuest}, which takes the packets that are no more than a header (or `copyBreak`); of the others the header is copied and the
 * rest mapped. While an accelerator has to do with the vif everything is copied: its tap may look at all bytes of a frame,
 * and its order fence takes an answer for a departure.
 */
export class LazyFromGuest extends FromGuest {
  private readonly lazy: LazyCopy
  private readonly copyBreak: number
  private readonly headers: GrantCopyBatch
  private readonly mapped: MappedBatch

  constructor(parts: LazyFromGuestParts) {
    super(parts)
    const { guest, headers, lazy, responses } = parts
    this.lazy = lazy
    this.copyBreak = parts.copyBreak
    this.headers = headers
    this.mapped = new MappedBatch(headers, guest, lazy, responses)
  }

  override connect(wake: () => void): void {
    this.lazy.wake = wake
  }

  override disconnect(): void {
    this.lazy.disconnect()
  }

  override close(): void {
    this.lazy.close()
    this.headers.dispose()
  }

  override run(ring: BackRing, budget: number): FromGuestEnd {
    this.longestPlain = this.copiesAll ? LONGEST : this.copyBreak
    this.lazy.action()
    const end = super.run(ring, budget)
    this.lazy.action()
    return end
  }

  protected override take(ring: BackRing): boolean {
    const { batch, lazy, mapped, packet, parts } = this
    // More fragments than a packet may have are put together in a copy, as xenvif_handle_frag_list does.
    if (packet.total <= this.copyBreak || packet.overflows || this.copiesAll) return super.take(ring)
    if (!mapped.fits(packet.slots) || batch.packets !== 0) this.flush()
    if (lazy.slots.free < packet.slots) return false
    let frame = parts.frames.take(packet.total)
    if (frame === null) {
      // As in FromGuest: a flush may free frames at once.
      this.flush()
      frame = parts.frames.take(packet.total)
      if (frame === null) return false
    }
    mapped.add(frame, packet)
    parts.work.slots += packet.requests
    parts.work.bytesCopied += HEADER_BYTES
    ring.reqCons = (ring.reqCons + packet.requests) >>> 0
    return true
  }

  /** The mapped ones first: those that are copied came after them, or they would have been flushed when these came. */
  protected override flush(): void {
    if (this.mapped.packets !== 0) this.flushMapped()
    super.flush()
  }

  private get copiesAll(): boolean {
    return this.answerOnDeparture || this.tap !== null
  }

  private flushMapped(): void {
    const { mapped, parts } = this
    const failures = mapped.run()
    parts.work.grantOps += mapped.operations
    parts.work.frames += mapped.packets
    const count = this.takeIn(failures)
    mapped.clear()
    if (count === 0) return
    if (this.beforeForward !== null) this.beforeForward()
    parts.forward(mapped.frames, count)
  }

  /** Answer or launch the packets of the batch; those that pass move to its front. How many these are. */
  private takeIn(failures: number): number {
    const { mapped } = this
    const { counters } = this.parts
    const { frames, packets } = mapped
    let count = 0
    for (let packet = 0; packet < packets; packet++) {
      const frame = frames[packet]
      if (failures !== 0 && mapped.hasFailed(packet)) {
        mapped.refuse(packet)
        counters.rx_errors++
        this.drop(frame, 'netback_tx_copy_failed')
        continue
      }
      mapped.launch(packet)
      if (!this.accept(frame, mapped.offload[packet])) continue
      if (count !== packet) frames[count] = frame
      count++
    }
    return count
  }

  /** Describe a frame and count it; false: it is dropped. */
  private accept(frame: Frame, offload: RingOffload): boolean {
    const { counters } = this.parts
    // A packet to be cut whose checksum is not blank is given one, which may cut its padding off.
    const odd = offload.gsoSize !== 0 && !offload.blank
    if (this.lazy.mode === 'always' || odd || !this.headersInside(frame)) this.makeLinear(frame)
    const described = applyOffload(frame, offload, this.info)
    if (described !== 'ok' && described !== 'fixed') {
      this.drop(frame, described === 'bad-gso' ? 'netback_tx_bad_gso' : 'netback_tx_bad_checksum')
      return false
    }
    if (described === 'fixed') counters.rx_gso_checksum_fixup++
    counters.rx_packets++
    counters.rx_bytes += frame.length
    counters.rx_segments += frame.segments
    if (this.observer !== null) this.observer.taken(frame)
    return true
  }

  /**
   * All headers are in the part that was copied, and what is read beside them (Linux pskb_may_pull). A frame of which that
   * cannot be said, since what looked like headers went on behind it, is made linear and looked at again.
   */
  private headersInside(frame: Frame): boolean {
    return parsePacket(frame, this.info) && this.info.payloadOffset + LOOKED_AT <= HEADER_BYTES
  }

  private makeLinear(frame: Frame): void {
    if (frame.fragments === null) return
    this.parts.work.bytesCopied += frame.fragments.bytes
    linearise(frame)
  }
}
