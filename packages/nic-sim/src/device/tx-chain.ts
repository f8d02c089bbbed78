// Stage 4f of a frame's way out: the VI. The descriptors of one frame, read once and checked.
import {
  LENGTH_MASK,
  REASON_CHAIN,
  REASON_MALFORMED,
  REASON_OVERSIZE,
  REASON_PHASE,
  REASON_RIGHTS,
  TX_BATCH,
  TX_CHECKSUM,
  TX_CONTINUE,
  TX_MAX_FRAME,
  TX_MAX_DESCRIPTORS,
  TX_OPTION,
  TX_OPTION_HEADER_MASK,
  TX_OPTION_HEADER_SHIFT,
  TX_OPTION_MSS_MASK,
  TX_OPTION_TCPV4,
  TX_OPTION_TCPV6,
  TX_OPTION_TYPE_MASK,
  TX_OPTION_TYPE_SHIFT,
} from '../constants.js'
import { NO_RIGHTS, SCATTERED } from './address-space.js'
import type { Dma } from './dma.js'
import type { WordView } from '@netaccel/packet'
import type { VirtualInterface } from './virtual-interface.js'

/** What makes a frame more than one plain descriptor. */
const SPECIAL = TX_CONTINUE | TX_OPTION

/**
 * The descriptors of one frame, copied out of the TX ring once and checked. One object is used again and again; it
 * is what the sending code looks at, never the ring.
 */
export class TxChain {
  /** Descriptors read, the option included. */
  descriptors = 0
  bytes = 0
  checksum = false
  /** Of the option descriptor; mss 0: there was none. */
  mss = 0
  headerBytes = 0
  type = 0
  /** Why the frame cannot be sent, 0: it can. */
  reason = 0
  private parts = 0
  private readonly addresses = new Int32Array(TX_MAX_DESCRIPTORS)
  private readonly lengths = new Int32Array(TX_MAX_DESCRIPTORS)
  /** Where the parts stand in machine memory, as the VI's address space has said. */
  private readonly places = new Int32Array(TX_MAX_DESCRIPTORS)

  /**
   * Reads the next frame of `vi`. 'none': nothing there, or not all of it yet. 'bad': `reason` says why, and
   * `descriptors` (64 at most) are to be thrown away; when more of them belong to it, the VI is left skipping.
   */
  read(vi: VirtualInterface): 'none' | 'frame' | 'bad' {
    const index = vi.txConsumer
    if (index === vi.txProducer) return 'none'
    const word0 = vi.tx.word0(index)
    const word1 = vi.tx.word1(index)
    const length = word1 & LENGTH_MASK
    // Most frames are one descriptor without anything special.
    if ((word1 & SPECIAL) === 0 && length > 0 && vi.txSkip === 0 && vi.tx.inPhase(index, word1)) {
      const place = vi.space.resolve(vi.id, word0, length)
      if (place !== NO_RIGHTS) return this.takeOne(word0, word1, length, place)
    }
    return this.readChain(vi, word0, word1)
  }

  /** Copies the bytes of the frame to `to`. */
  gather(dma: Dma, vi: VirtualInterface, to: WordView, at: number): void {
    const { places, addresses, lengths } = this
    let done = 0
    for (let i = 0; i < this.parts; i++) {
      const length = lengths[i]
      dma.read(vi.space, vi.id, places[i], addresses[i], length, to, at + done)
      done += length
    }
  }

  /** Copies `length` of its bytes from the one at `from` on; the frame has so many. */
  fetch(dma: Dma, vi: VirtualInterface, from: number, length: number, to: WordView, toAt: number): void {
    const { places, addresses, lengths } = this
    let skip = from
    let done = 0
    for (let i = 0; done < length; i++) {
      const here = lengths[i]
      if (skip >= here) {
        skip -= here
        continue
      }
      const part = Math.min(here - skip, length - done)
      const place = places[i] === SCATTERED ? SCATTERED : places[i] + skip
      dma.read(vi.space, vi.id, place, (addresses[i] + skip) | 0, part, to, toAt + done)
      done += part
      skip = 0
    }
  }

  /** Takes over what another has read. */
  copyOf(other: TxChain): void {
    this.descriptors = other.descriptors
    this.bytes = other.bytes
    this.parts = other.parts
    this.addresses.set(other.addresses)
    this.lengths.set(other.lengths)
    this.places.set(other.places)
  }

  /** Asks once more for the right to every byte: what was registered when the frame was read may not be any more. */
  stillOwned(vi: VirtualInterface): boolean {
    const { places, addresses, lengths } = this
    for (let i = 0; i < this.parts; i++) {
      places[i] = vi.space.resolve(vi.id, addresses[i], lengths[i])
      if (places[i] === NO_RIGHTS) return false
    }
    return true
  }

  private takeOne(word0: number, word1: number, length: number, place: number): 'frame' {
    this.descriptors = 1
    this.bytes = length
    this.parts = 1
    this.checksum = (word1 & TX_CHECKSUM) !== 0
    this.mss = 0
    this.reason = 0
    this.addresses[0] = word0
    this.lengths[0] = length
    this.places[0] = place
    return 'frame'
  }

  /** `word0`, `word1`: the first descriptor, which is there and has been read. */
  private readChain(vi: VirtualInterface, word0: number, word1: number): 'none' | 'frame' | 'bad' {
    this.clear()
    this.reason = vi.txSkip
    const end = vi.txProducer
    let index = vi.txConsumer
    for (;;) {
      this.descriptors++
      if (!vi.tx.inPhase(index, word1)) {
        // Not written yet, so where the frame ends cannot be known: this one only, and no skipping behind it.
        this.fail(REASON_PHASE)
        vi.txSkip = 0
        return 'bad'
      }
      this.take(word0, word1)
      if ((word1 & TX_CONTINUE) === 0) break
      if (this.descriptors === TX_BATCH) {
        vi.txSkip = this.reason
        return 'bad'
      }
      index = (index + 1) >>> 0
      if (index === end) return this.ranOut(vi)
      word0 = vi.tx.word0(index)
      word1 = vi.tx.word1(index)
    }
    vi.txSkip = 0
    this.check(vi)
    return this.reason === 0 ? 'frame' : 'bad'
  }

  private clear(): void {
    this.descriptors = 0
    this.bytes = 0
    this.parts = 0
    this.checksum = false
    this.mss = 0
    this.headerBytes = 0
    this.type = 0
  }

  /** The doorbell's index was reached inside a frame: wait for the rest, unless it is bad anyway. */
  private ranOut(vi: VirtualInterface): 'none' | 'bad' {
    if (this.reason === 0) return 'none'
    vi.txSkip = this.reason
    return 'bad'
  }

  private fail(reason: number): void {
    if (this.reason === 0) this.reason = reason
  }

  private take(word0: number, word1: number): void {
    if (this.descriptors > TX_MAX_DESCRIPTORS) {
      this.fail(REASON_CHAIN)
      return
    }
    if ((word1 & TX_OPTION) !== 0) {
      this.takeOption(word0, word1)
      return
    }
    const length = word1 & LENGTH_MASK
    if (length === 0) this.fail(REASON_MALFORMED)
    if ((word1 & TX_CHECKSUM) !== 0) this.checksum = true
    this.addresses[this.parts] = word0
    this.lengths[this.parts] = length
    this.parts++
    this.bytes += length
  }

  private takeOption(word0: number, word1: number): void {
    this.mss = word0 & TX_OPTION_MSS_MASK
    this.headerBytes = (word0 >>> TX_OPTION_HEADER_SHIFT) & TX_OPTION_HEADER_MASK
    this.type = (word0 >>> TX_OPTION_TYPE_SHIFT) & TX_OPTION_TYPE_MASK
    const known = this.type === TX_OPTION_TCPV4 || this.type === TX_OPTION_TCPV6
    const first = this.descriptors === 1
    if (!first || !known || this.mss === 0 || (word1 & TX_CONTINUE) === 0) this.fail(REASON_MALFORMED)
  }

  private check(vi: VirtualInterface): void {
    if (this.reason !== 0) return
    if (this.bytes > TX_MAX_FRAME) {
      this.fail(REASON_OVERSIZE)
      return
    }
    for (let i = 0; i < this.parts; i++) {
      const place = vi.space.resolve(vi.id, this.addresses[i], this.lengths[i])
      if (place === NO_RIGHTS) {
        this.fail(REASON_RIGHTS)
        return
      }
      this.places[i] = place
    }
  }
}
