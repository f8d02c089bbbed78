import { PacketError } from './errors.js'

/** The classic capture file (libpcap savefile): a 24-byte header, then records of a 16-byte header and bytes. */

export const PCAP_FILE_HEADER = 24
export const PCAP_RECORD_HEADER = 16
/** Link type of Ethernet frames. */
export const PCAP_ETHERNET = 1
export const PCAP_MAGIC_MICROSECONDS = 0xa1b2c3d4
export const PCAP_MAGIC_NANOSECONDS = 0xa1b23c4d
/** A record longer than this is taken for a damaged file, as libpcap does. */
export const PCAP_MAX_RECORD = 262144

/** What the file says about itself. */
export interface PcapHeader {
  readonly littleEndian: boolean
  /** True if times are in nanoseconds, else in microseconds. */
  readonly nanoseconds: boolean
  readonly snapLength: number
  readonly linkType: number
}

/**
 * One captured frame. Seconds and nanoseconds stay apart: together, as nanoseconds since 1970, they would not fit
 * a number exactly. `bytes` is the caller's to keep; `originalLength` is larger if the capture cut the frame.
 */
export interface PcapRecord {
  readonly seconds: number
  readonly nanoseconds: number
  readonly originalLength: number
  readonly bytes: Uint8Array
}

/**
 * Reads a capture from chunks of any size: {@link push} what has come, take {@link next} until it is undefined,
 * {@link end} when nothing more will come. Throws `PCAP_FORMAT` for what is no capture and `PCAP_TRUNCATED` for one
 * that stops in the middle, each with the byte where it happened; the records before it have been given out.
 */
export class PcapReader {
  private pending = new Uint8Array(0)
  private at = 0
  /** Where `pending` begins in the file. */
  private base = 0
  private found: PcapHeader | undefined

  /** The file header; undefined until 24 bytes have come. */
  get header(): PcapHeader | undefined {
    return this.found
  }

  push(chunk: Uint8Array): void {
    const left = this.pending.length - this.at
    const joined = new Uint8Array(left + chunk.length)
    joined.set(this.pending.subarray(this.at))
    joined.set(chunk, left)
    this.base += this.at
    this.pending = joined
    this.at = 0
    if (this.found === undefined && joined.length >= PCAP_FILE_HEADER) {
      this.found = readHeader(joined)
      this.at = PCAP_FILE_HEADER
    }
  }

  /** The next whole record, or undefined if it has not all come yet. */
  next(): PcapRecord | undefined {
    const header = this.found
    if (header === undefined || this.pending.length - this.at < PCAP_RECORD_HEADER) return undefined
    const view = new DataView(this.pending.buffer, this.at)
    const { littleEndian } = header
    const captured = view.getUint32(8, littleEndian)
    if (captured > PCAP_MAX_RECORD) {
      throw new PacketError(
        'PCAP_FORMAT',
        `the record at byte ${this.base + this.at} claims ${captured} bytes, more than ${PCAP_MAX_RECORD}: ` +
          'the file is damaged there; capture it again, or cut it before that byte',
      )
    }
    const from = this.at + PCAP_RECORD_HEADER
    if (this.pending.length - from < captured) return undefined
    const fraction = view.getUint32(4, littleEndian)
    this.at = from + captured
    return {
      seconds: view.getUint32(0, littleEndian),
      nanoseconds: header.nanoseconds ? fraction : fraction * 1000,
      originalLength: view.getUint32(12, littleEndian),
      bytes: this.pending.slice(from, from + captured),
    }
  }

  /** Nothing more will come: throws if something is left that is no whole record. */
  end(): void {
    const left = this.pending.length - this.at
    if (this.found !== undefined && left === 0) return
    const where = this.base + this.at
    const what = this.found === undefined ? 'file header' : 'record'
    throw new PacketError(
      'PCAP_TRUNCATED',
      `the capture ends ${left} bytes into the ${what} at byte ${where}: ` +
        'it was cut off while being written or copied; copy it again, or cut it there to keep the rest',
    )
  }
}

/** The records of a whole file in memory. Throws as {@link PcapReader} does, after the last good record. */
export function* readPcap(file: Uint8Array): Generator<PcapRecord, void> {
  const reader = new PcapReader()
  reader.push(file)
  yield* available(reader)
  reader.end()
}

/** The records of a file that comes in chunks, for instance from `fs.createReadStream`. */
export async function* readPcapStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<PcapRecord, void> {
  const reader = new PcapReader()
  for await (const chunk of chunks) {
    reader.push(chunk)
    yield* available(reader)
  }
  reader.end()
}

function* available(reader: PcapReader): Generator<PcapRecord, void> {
  for (let record = reader.next(); record !== undefined; record = reader.next()) yield record
}

function readHeader(bytes: Uint8Array): PcapHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, PCAP_FILE_HEADER)
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian)
    if (magic !== PCAP_MAGIC_MICROSECONDS && magic !== PCAP_MAGIC_NANOSECONDS) continue
    const major = view.getUint16(4, littleEndian)
    if (major !== 2) {
      throw new PacketError(
        'PCAP_FORMAT',
        `the capture has format version ${major}, only version 2 can be read`,
      )
    }
    return {
      littleEndian,
      nanoseconds: magic === PCAP_MAGIC_NANOSECONDS,
      snapLength: view.getUint32(16, littleEndian),
      linkType: view.getUint32(20, littleEndian) & 0x0fffffff,
    }
  }
  const magic = view.getUint32(0).toString(16).padStart(8, '0')
  const hint =
    magic === '0a0d0d0a' ? 'it is a pcapng file: convert it with `editcap -F pcap`' : 'it is no capture'
  throw new PacketError(
    'PCAP_FORMAT',
    `the file begins with ${magic}, not with the magic number of pcap: ${hint}`,
  )
}
