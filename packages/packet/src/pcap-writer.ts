import { PacketError } from './errors.js'
import type { Frame } from './frame.js'
import { PCAP_ETHERNET, PCAP_FILE_HEADER, PCAP_MAGIC_NANOSECONDS, PCAP_RECORD_HEADER } from './pcap.js'

const BLOCK = 65536

export interface PcapWriterOptions {
  /** Longest part of a frame that is kept; default 65,550, a whole GSO frame. */
  readonly snapLength?: number
  /** Default Ethernet. */
  readonly linkType?: number
}

/**
 * Writes a capture with nanoseconds, little-endian, to a sink: called with each block of about 64 KiB and at
 * {@link flush}. Each block is a fresh array that the sink may keep. The sink's errors come out of the call.
 */
export class PcapWriter {
  private readonly sink: (block: Uint8Array) => void
  private readonly snapLength: number
  private block: Uint8Array
  private view: DataView
  private used: number
  private recordCount: number

  constructor(sink: (block: Uint8Array) => void, options: PcapWriterOptions = {}) {
    const { snapLength = 65550, linkType = PCAP_ETHERNET } = options
    if (!Number.isSafeInteger(snapLength) || snapLength < 1 || snapLength > 262144) {
      throw new PacketError('BAD_OPTION', `a snap length of ${snapLength} cannot be: give 1 to 262144`)
    }
    this.sink = sink
    this.snapLength = snapLength
    this.block = new Uint8Array(BLOCK)
    this.view = new DataView(this.block.buffer)
    this.used = PCAP_FILE_HEADER
    this.recordCount = 0
    this.view.setUint32(0, PCAP_MAGIC_NANOSECONDS, true)
    this.view.setUint16(4, 2, true)
    this.view.setUint16(6, 4, true)
    this.view.setUint32(16, snapLength, true)
    this.view.setUint32(20, linkType, true)
  }

  /** Records written so far. */
  get records(): number {
    return this.recordCount
  }

  /** Append `length` bytes at `at`, caught at the given time; the bytes are copied at once. */
  write(bytes: Uint8Array, at: number, length: number, seconds: number, nanoseconds: number): void {
    const kept = length < this.snapLength ? length : this.snapLength
    this.reserve(PCAP_RECORD_HEADER + kept)
    const view = this.view
    const from = this.used
    view.setUint32(from, seconds, true)
    view.setUint32(from + 4, nanoseconds, true)
    view.setUint32(from + 8, kept, true)
    view.setUint32(from + 12, length, true)
    const block = this.block
    for (let i = 0; i < kept; i++) block[from + PCAP_RECORD_HEADER + i] = bytes[at + i]
    this.used = from + PCAP_RECORD_HEADER + kept
    this.recordCount++
  }

  /** Append a frame caught `now` nanoseconds after the clock's zero. The frame stays the caller's. */
  writeFrame(frame: Frame, now: number): void {
    const seconds = Math.floor(now / 1e9)
    this.write(frame.bytes, frame.offset, frame.length, seconds, Math.floor(now - seconds * 1e9))
  }

  /** Hand everything written so far to the sink. */
  flush(): void {
    if (this.used === 0) return
    const full = this.block.subarray(0, this.used)
    this.start(BLOCK)
    this.sink(full)
  }

  private reserve(length: number): void {
    if (this.used + length <= this.block.length) return
    this.flush()
    if (length > this.block.length) this.start(length)
  }

  private start(length: number): void {
    this.block = new Uint8Array(length < BLOCK ? BLOCK : length)
    this.view = new DataView(this.block.buffer)
    this.used = 0
  }
}
