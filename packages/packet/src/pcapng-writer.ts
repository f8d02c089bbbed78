// pcapng, as draft-ietf-opsawg-pcapng describes it: one section, little-endian, interfaces with names and nanoseconds.
import { CaptureBlocks } from './capture-blocks.js'
import { PacketError } from './errors.js'
import type { Frame } from './frame.js'
import { checkedSnapLength, PCAP_SNAP_LENGTH } from './pcap-writer.js'
import { PCAP_ETHERNET } from './pcap.js'

/** Types of blocks (section 4), and what begins a section's body. */
export const PCAPNG_SECTION = 0x0a0d0d0a
export const PCAPNG_INTERFACE = 1
export const PCAPNG_PACKET = 6
export const PCAPNG_BYTE_ORDER = 0x1a2b3c4d

/** Options (section 3.5 and 4.2). */
const OPTION_END = 0
const OPTION_USER_APPLICATION = 4
const OPTION_NAME = 2
const OPTION_DESCRIPTION = 3
const OPTION_TIME_RESOLUTION = 9
/** Times are multiples of 10^-9 s. */
const NANOSECONDS = 9

const SECTION_BODY = 16
const INTERFACE_BODY = 8
const PACKET_BODY = 20
/** Type, length, and the length again at the end. */
const AROUND = 12
const UNKNOWN_LENGTH = 0xffff_ffff
const TWO_32 = 0x1_0000_0000

export interface PcapngWriterOptions {
  /** Longest part of a frame that is kept; default 65,550, a whole GSO frame. */
  readonly snapLength?: number
  /** Default Ethernet. */
  readonly linkType?: number
  /** Named in the file as what wrote it. */
  readonly application?: string
}

interface Option {
  readonly code: number
  readonly value: Uint8Array
}

/**
 * Writes a pcapng file to a sink: called with each block of about 64 KiB and at {@link flush}. Each block is a fresh array
 * that the sink may keep. The sink's errors come out of the call. Interfaces may be added at any time before their first
 * frame.
 */
export class PcapngWriter {
  private readonly blocks: CaptureBlocks
  private readonly snapLength: number
  private readonly linkType: number
  private interfaces = 0
  private packets = 0

  constructor(sink: (block: Uint8Array) => void, options: PcapngWriterOptions = {}) {
    const { snapLength = PCAP_SNAP_LENGTH, linkType = PCAP_ETHERNET, application = '' } = options
    this.snapLength = checkedSnapLength(snapLength)
    this.linkType = linkType
    this.blocks = new CaptureBlocks(sink)
    const named = application === '' ? [] : [text(OPTION_USER_APPLICATION, application)]
    const at = this.begin(PCAPNG_SECTION, SECTION_BODY, named)
    const { view } = this.blocks
    view.setUint32(at, PCAPNG_BYTE_ORDER, true)
    view.setUint16(at + 4, 1, true)
    view.setUint16(at + 6, 0, true)
    view.setUint32(at + 8, UNKNOWN_LENGTH, true)
    view.setUint32(at + 12, UNKNOWN_LENGTH, true)
  }

  /** Packets written so far. */
  get records(): number {
    return this.packets
  }

  /** A place at which frames are caught. Returns its number, for {@link write}. */
  addInterface(name: string, description = ''): number {
    const options = [
      text(OPTION_NAME, name),
      ...(description === '' ? [] : [text(OPTION_DESCRIPTION, description)]),
      { code: OPTION_TIME_RESOLUTION, value: Uint8Array.of(NANOSECONDS) },
    ]
    const at = this.begin(PCAPNG_INTERFACE, INTERFACE_BODY, options)
    const { view } = this.blocks
    view.setUint16(at, this.linkType, true)
    view.setUint32(at + 4, this.snapLength, true)
    return this.interfaces++
  }

  /**
   * Append `length` bytes at `at`, caught at an interface `now` nanoseconds after the clock's zero; the bytes are copied at
   * once. @throws PacketError BAD_OPTION for an interface that was not added
   */
  write(where: number, bytes: Uint8Array, at: number, length: number, now: number): void {
    if (!(where >= 0 && where < this.interfaces))
      throw new PacketError('BAD_OPTION', `there is no interface ${where}: ${this.interfaces} were added`)
    const kept = length < this.snapLength ? length : this.snapLength
    const from = this.begin(PCAPNG_PACKET, PACKET_BODY + padded(kept), [])
    const { view, bytes: block } = this.blocks
    view.setUint32(from, where, true)
    view.setUint32(from + 4, Math.floor(now / TWO_32), true)
    view.setUint32(from + 8, now % TWO_32, true)
    view.setUint32(from + 12, kept, true)
    view.setUint32(from + 16, length, true)
    for (let i = 0; i < kept; i++) block[from + PACKET_BODY + i] = bytes[at + i]
    this.packets++
  }

  /** Append a frame. It stays the caller's. */
  writeFrame(where: number, frame: Frame, now: number): void {
    this.write(where, frame.bytes, frame.offset, frame.length, now)
  }

  /** Hand everything written so far to the sink. */
  flush(): void {
    this.blocks.flush()
  }

  /** A block with its options; its body is left to the caller, from what is returned. */
  private begin(type: number, body: number, options: readonly Option[]): number {
    const length = AROUND + body + lengthOf(options)
    const at = this.blocks.reserve(length)
    const { view, bytes } = this.blocks
    view.setUint32(at, type, true)
    view.setUint32(at + 4, length, true)
    view.setUint32(at + length - 4, length, true)
    let next = at + 8 + body
    for (const { code, value } of options) {
      view.setUint16(next, code, true)
      view.setUint16(next + 2, value.length, true)
      bytes.set(value, next + 4)
      next += 4 + padded(value.length)
    }
    if (options.length > 0) view.setUint16(next, OPTION_END, true)
    return at + 8
  }
}

function lengthOf(options: readonly Option[]): number {
  if (options.length === 0) return 0
  return options.reduce((sum, { value }) => sum + 4 + padded(value.length), 4)
}

/** Everything begins at a multiple of four bytes. */
function padded(length: number): number {
  return (length + 3) & ~3
}

function text(code: number, value: string): Option {
  return { code, value: new TextEncoder().encode(value) }
}
