import { readFileSync } from 'node:fs'
import { PacketError, PCAP_ETHERNET, PcapReader } from '@netaccel/packet'
import { PortError } from './errors.js'

/** One frame of a capture, and when it was caught: nanoseconds after the first one. */
export interface CaptureRecord {
  readonly at: number
  readonly bytes: Uint8Array
}

/** A capture in memory, in the order of the file. */
export interface Capture {
  readonly records: readonly CaptureRecord[]
  /** Nanoseconds from the first record to the last. */
  readonly durationNs: number
}

const MAC_BYTES = 6

/**
 * Read a capture of Ethernet frames from a file. It is held in memory whole.
 *
 * @throws PortError 'BAD_FILE' when it cannot be read, 'BAD_CAPTURE' when it is no capture, is cut off, or holds cut
 * frames, each with the place.
 */
export function readCapture(path: string): Capture {
  let file: Uint8Array
  try {
    file = readFileSync(path)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new PortError('BAD_FILE', `the capture ${path} cannot be read: ${why}`, { cause: error })
  }
  return parseCapture(file, path)
}

/** As {@link readCapture}, from bytes; `where` names them in errors. */
export function parseCapture(file: Uint8Array, where: string): Capture {
  const reader = new PcapReader()
  const records: CaptureRecord[] = []
  try {
    reader.push(file)
    if (reader.header !== undefined && reader.header.linkType !== PCAP_ETHERNET) {
      throw bad(where, `its link type is ${reader.header.linkType}, not Ethernet (${PCAP_ETHERNET})`)
    }
    let first: number | undefined
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      if (next.originalLength > next.bytes.length) {
        const kept = `${next.bytes.length} of ${next.originalLength} bytes`
        throw bad(
          where,
          `frame ${records.length} was kept only in part (${kept}): capture with a longer snap length`,
        )
      }
      first ??= next.seconds
      records.push({ at: (next.seconds - first) * 1e9 + next.nanoseconds, bytes: next.bytes })
    }
    reader.end()
  } catch (error) {
    if (error instanceof PacketError) throw bad(where, error.message, error)
    throw error
  }
  return fromFirst(records)
}

/** Those frames of a capture that were sent by one of these MACs, at their times. */
export function sentBy(capture: Capture, ...macs: readonly Uint8Array[]): Capture {
  const records = capture.records.filter(({ bytes }) =>
    macs.some((mac) => mac.every((byte, i) => bytes[MAC_BYTES + i] === byte)),
  )
  return { records, durationNs: capture.durationNs }
}

/** Times from the first record on; one that is earlier than the one before it is taken as simultaneous. */
function fromFirst(records: readonly CaptureRecord[]): Capture {
  const start = records[0]?.at ?? 0
  let latest = 0
  const moved = records.map(({ at, bytes }) => {
    latest = Math.max(latest, at - start)
    return { at: latest, bytes }
  })
  return { records: moved, durationNs: latest }
}

function bad(where: string, why: string, cause?: unknown): PortError {
  return new PortError('BAD_CAPTURE', `${where} cannot be replayed: ${why}`, { cause })
}
