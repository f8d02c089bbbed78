import {
  Coalescer,
  copyBytes,
  FramePool,
  PacketInfo,
  parsePacket,
  poolBytes,
  privateArena,
} from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'

/** Flows that can be open at once; the oldest makes room for another. */
const SLOTS = 4
const SLOT_BYTES = 69_632
const TCP_ACK = 0x10
const IPV4_ADDRESSES = 12
const IPV4_ADDRESS_BYTES = 8
const IPV6_ADDRESSES = 8
const IPV6_ADDRESS_BYTES = 32

/** One flow whose segments are being gathered. */
class Slot {
  readonly coalescer = new Coalescer()
  readonly info = new PacketInfo()
  readonly frame: Frame
  open = false

  constructor(frame: Frame) {
    this.frame = frame
  }
}

/**
 * Merges the TCP segments that come in one burst into frames of up to 64 KiB, as Linux does on receive (GRO): handing
 * one frame to the kernel costs about as much as another, however long it is. Order is kept within each flow.
 */
export class TcpMerger {
  readonly #write: (frame: Frame) => void
  readonly #slots: readonly Slot[]
  readonly #info = new PacketInfo()
  #open = 0
  #next = 0

  /** `write` is given each frame that is ready, for the time of the call. */
  constructor(write: (frame: Frame) => void) {
    this.#write = write
    const arena = privateArena(poolBytes(SLOTS, SLOT_BYTES) + 4096)
    const pool = new FramePool(arena, { frames: SLOTS, bytesEach: SLOT_BYTES })
    this.#slots = Array.from({ length: SLOTS }, () => new Slot(pool.take() as Frame))
  }

  /** Flows that hold something back: {@link flush} is due. */
  get open(): number {
    return this.#open
  }

  /** Take a frame in. It stays the caller's, and need not be kept: what is held back is a copy. */
  push(frame: Frame): void {
    const info = this.#info
    if (!parsePacket(frame, info) || !info.isTcp) {
      this.#write(frame)
      return
    }
    for (let i = 0; this.#open > 0 && i < SLOTS; i++) {
      const slot = this.#slots[i]
      if (!slot.open || !sameFlow(frame, info, slot)) continue
      if (slot.coalescer.add(frame)) {
        if (slot.coalescer.closed) this.#finish(slot)
        return
      }
      this.#finish(slot)
    }
    if (!this.#begin(frame)) this.#write(frame)
  }

  /** Write all that is held back. */
  flush(): void {
    for (let i = 0; this.#open > 0 && i < SLOTS; i++) this.#finish(this.#slots[i])
  }

  /** A segment that may be followed by others opens a slot. */
  #begin(frame: Frame): boolean {
    const { payloadLength, tcpFlags } = this.#info
    const plain = tcpFlags === TCP_ACK && frame.checksum !== 'none' && frame.gsoSize === 0
    if (!plain || payloadLength === 0) return false
    const slot = this.#slots[this.#next]
    this.#next = (this.#next + 1) % SLOTS
    this.#finish(slot)
    const copy = slot.frame
    copyBytes(copy.words, copy.offset, frame.words, frame.offset, frame.length)
    copy.length = frame.length
    copy.describeAs(frame)
    parsePacket(copy, slot.info)
    if (!slot.coalescer.begin(copy)) return false
    slot.open = true
    this.#open++
    return true
  }

  #finish(slot: Slot): void {
    if (!slot.open) return
    slot.open = false
    this.#open--
    const whole = slot.coalescer.finish()
    if (whole !== null) this.#write(whole)
  }
}

function sameFlow(frame: Frame, info: PacketInfo, slot: Slot): boolean {
  const other = slot.info
  if (info.sourcePort !== other.sourcePort || info.destinationPort !== other.destinationPort) return false
  if (info.ipVersion !== other.ipVersion) return false
  const first = info.ipVersion === 4 ? IPV4_ADDRESSES : IPV6_ADDRESSES
  const end = first + (info.ipVersion === 4 ? IPV4_ADDRESS_BYTES : IPV6_ADDRESS_BYTES)
  const one = frame.offset + info.l3Offset
  const two = slot.frame.offset + other.l3Offset
  for (let i = first; i < end; i++) if (frame.bytes[one + i] !== slot.frame.bytes[two + i]) return false
  return true
}
