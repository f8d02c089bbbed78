import { CaptureBlocks } from './capture-blocks.js'
import { PacketError } from './errors.js'
import type { Frame } from './frame.js'
import { PCAP_ETHERNET, PCAP_FILE_HEADER, PCAP_MAGIC_NANOSECONDS, PCAP_RECORD_HEADER } from './pcap.js'

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
  private readonly blocks: CaptureBlocks
  private readonly snapLength: number
  private recordCount = 0

  constructor(sink: (block: Uint8Array) => void, options: PcapWriterOptions = {}) {
    const { snapLength = PCAP_SNAP_LENGTH, linkType = PCAP_ETHERNET } = options
    this.snapLength = checkedSnapLength(snapLength)
    this.blocks = new CaptureBlocks(sink)
    this.blocks.reserve(PCAP_FILE_HEADER)
    const { view } = this.blocks
    view.setUint32(0, PCAP_MAGIC_NANOSECONDS, true)
    view.setUint16(4, 2, true)
    view.setUint16(6, 4, true)
    view.setUint32(16, snapLength, true)
    view.setUint32(20, linkType, true)
  }

  /** Records written so far. */
  get records(): number {
    return this.recordCount
  }

  /** Append `length` bytes at `at`, caught at the given time; the bytes are copied at once. */
  write(bytes: Uint8Array, at: number, length: number, seconds: number, nanoseconds: number): void {
    const kept = length < this.snapLength ? length : this.snapLength
    const from = this.blocks.reserve(PCAP_RECORD_HEADER + kept)
    const { view, bytes: block } = this.blocks
    view.setUint32(from, seconds, true)
    view.setUint32(from + 4, nanoseconds, true)
    view.setUint32(from + 8, kept, true)
    view.setUint32(from + 12, length, true)
    for (let i = 0; i < kept; i++) block[from + PCAP_RECORD_HEADER + i] = bytes[at + i]
    this.recordCount++
  }

  /** Append a frame caught `now` nanoseconds after the clock's zero. The frame stays the caller's. */
  writeFrame(frame: Frame, now: number): void {
    const seconds = Math.floor(now / 1e9)
    this.write(frame.bytes, frame.offset, frame.length, seconds, Math.floor(now - seconds * 1e9))
  }

  /** Hand everything written so far to the sink. */
  flush(): void {
    this.blocks.flush()
  }
}

/** The longest part of a frame that is kept when nobody says: a whole GSO frame. */
export const PCAP_SNAP_LENGTH = 65550

/** @throws PacketError BAD_OPTION */
export function checkedSnapLength(length: number): number {
  if (Number.isSafeInteger(length) && length >= 1 && length <= 262144) return length
  throw new PacketError('BAD_OPTION', `a snap length of ${length} cannot be: give 1 to 262144`)
}
