// Stage 6s of a frame's way out, third part: the descriptors of a frame of the driver domain.
import type { DropReason } from '@netaccel/core'
import type { Fragments, Frame } from '@netaccel/packet'
import {
  fillChecksum,
  headLength,
  linearise,
  PacketInfo,
  parsePacket,
  TCP_CHECKSUM,
  UDP_CHECKSUM,
} from '@netaccel/packet'
import type { Arena } from '@netaccel/xen'
import {
  EVENT_COUNT_SHIFT,
  optionWord,
  REASON_LINK,
  REASON_OVERSIZE,
  REASON_RIGHTS,
  TX_CHECKSUM,
  TX_CONTINUE,
  TX_MAX_BYTES,
  TX_OPTION,
  TX_OPTION_HEADER_MASK,
  TX_OPTION_TCPV4,
  TX_OPTION_TCPV6,
  writeDescriptor,
} from '../constants.js'

/** Most descriptors of a frame in one piece: how to cut it, and two for one longer than a descriptor can say. */
const MOST_DESCRIPTORS = 3
/** Names no memory of any domain. */
const NOWHERE = -1

/**
 * The driver's end of the TX ring, in physical mode: a frame is one stretch of the driver domain's memory, with its
 * fragments, if it has any, wherever in the machine they lie (Linux skb_frag_dma_map). Each is
 * remembered at its last descriptor until the NIC says that it has left (FL-07).
 */
export class TxQueue {
  /** Frames that are with the NIC. */
  count: number
  /** Index after the last descriptor written. */
  producer: number
  private readonly ring: Arena
  private readonly capacity: number
  private readonly depth: number
  private readonly frames: (Frame | null)[]
  private readonly mask: number
  private readonly info: PacketInfo
  private consumer: number
  /** By descriptor: the fragments of the frame of which it is the last. */
  private readonly mapped: (Fragments | null)[]
  /** Where the driver domain's memory begins in the machine. */
  private readonly base: number

  /** `depth`: most frames at once. */
  constructor(ring: Arena, capacity: number, depth: number) {
    this.count = 0
    this.producer = 0
    this.ring = ring
    this.capacity = capacity
    this.depth = depth
    this.frames = Array.from({ length: capacity }, () => null)
    this.mask = capacity - 1
    this.info = new PacketInfo()
    this.consumer = 0
    this.mapped = Array.from({ length: capacity }, () => null)
    this.base = ring.bytes.byteOffset
  }

  /** Entries that a ring for `depth` frames needs: two each, as a frame that is to be cut takes. */
  static capacityFor(depth: number): number {
    return Math.max(64, 2 ** Math.ceil(Math.log2(depth * 2)))
  }

  get roomy(): boolean {
    return (
      this.count < this.depth && this.capacity - ((this.producer - this.consumer) >>> 0) >= MOST_DESCRIPTORS
    )
  }

  /** Room for this frame. */
  fits(frame: Frame): boolean {
    if (!this.roomy) return false
    const { fragments } = frame
    const left = this.capacity - ((this.producer - this.consumer) >>> 0)
    return fragments === null || left >= MOST_DESCRIPTORS + fragments.count
  }

  /**
   * Writes the descriptors of a frame; there is room. A frame that cannot leave is written so that the NIC discards it
   * in its turn: those before it go first. How many descriptors.
   */
  post(frame: Frame): number {
    const first = this.producer
    const { offset, length } = frame
    let flags = 0
    let bytes = length
    if (frame.gsoSize > 0) this.writeOption(frame)
    else if (frame.checksum === 'blank') {
      if (this.nicFinds(frame)) flags = TX_CHECKSUM
      else {
        linearise(frame)
        if (!fillChecksum(frame)) bytes = 0
      }
    }
    if (frame.fragments !== null) return this.postScattered(frame, frame.fragments, first, flags)
    const at = frame.bytes === this.ring.bytes ? offset : NOWHERE
    if (bytes <= TX_MAX_BYTES) this.write(at, bytes | flags)
    else {
      this.write(at, TX_MAX_BYTES | TX_CONTINUE | flags)
      this.write(at + TX_MAX_BYTES, (bytes - TX_MAX_BYTES) | flags)
    }
    this.frames[(this.producer - 1) & this.mask] = frame
    this.count++
    return (this.producer - first) >>> 0
  }

  /** A frame with fragments; its option has been written. */
  private postScattered(frame: Frame, fragments: Fragments, first: number, flags: number): number {
    this.write(frame.offset, headLength(frame) | TX_CONTINUE | flags)
    const last = fragments.count - 1
    for (let i = 0; i <= last; i++) {
      const more = i === last ? flags : flags | TX_CONTINUE
      this.write((fragments.place(i) - this.base) | 0, fragments.lengths[i] | more)
    }
    fragments.dma++
    const slot = (this.producer - 1) & this.mask
    this.mapped[slot] = fragments
    this.frames[slot] = frame
    this.count++
    return (this.producer - first) >>> 0
  }

  /** The frame whose last descriptor is the next to come back, taken out; null: the descriptor was no frame's last. */
  next(): Frame | null {
    const slot = this.consumer & this.mask
    const frame = this.frames[slot]
    this.consumer = (this.consumer + 1) >>> 0
    if (frame === null) return null
    this.frames[slot] = null
    this.count--
    const fragments = this.mapped[slot]
    if (fragments !== null) {
      this.mapped[slot] = null
      fragments.dma--
    }
    return frame
  }

  /** Descriptors that an event gives back: none beyond those that are with the NIC. */
  returned(word0: number): number {
    return Math.min(word0 >>> EVENT_COUNT_SHIFT, (this.producer - this.consumer) >>> 0)
  }

  /**
   * What the checksum engine fills in: the TCP or UDP checksum of a packet that is not within another. Any other is
   * finished by the driver, as Linux skb_checksum_help does for a device that cannot.
   */
  private nicFinds(frame: Frame): boolean {
    const { info } = this
    if (!parsePacket(frame, info) || !info.l4 || frame.checksumStart !== info.l4Offset) return false
    return frame.checksumOffset === (info.isTcp ? TCP_CHECKSUM : UDP_CHECKSUM)
  }

  /** Headers of 0 bytes, which the NIC refuses, if the frame cannot be cut. */
  private writeOption(frame: Frame): void {
    const { info } = this
    const found = parsePacket(frame, info) && info.isTcp && info.payloadOffset <= TX_OPTION_HEADER_MASK
    const type = frame.gsoType === 'tcpv4' ? TX_OPTION_TCPV4 : frame.gsoType === 'tcpv6' ? TX_OPTION_TCPV6 : 0
    const headers = found ? info.payloadOffset : 0
    this.write(optionWord(frame.gsoSize, headers, type) | 0, TX_OPTION | TX_CONTINUE)
  }

  private write(word0: number, word1: number): void {
    writeDescriptor(this.ring.view, this.ring.offset, this.capacity, this.producer, word0, word1)
    this.producer = (this.producer + 1) >>> 0
  }
}

/** Under which reason a frame is counted that the NIC has discarded. */
export function txDropReason(reason: number): DropReason {
  switch (reason) {
    case REASON_LINK:
      return 'nic_tx_link_down'
    case REASON_OVERSIZE:
      return 'nic_tx_too_long'
    case REASON_RIGHTS:
      return 'nic_tx_rights'
    default:
      return 'nic_tx_bad_descriptor'
  }
}
