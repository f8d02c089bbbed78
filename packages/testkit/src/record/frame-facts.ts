import type { Frame } from '@netaccel/core'
import type { FrameFacts } from './calls.js'

const ids = new WeakMap<object, number>()
let count = 0

export function isFrame(value: unknown): value is Frame {
  return typeof value === 'object' && value !== null && 'gsoSize' in value && 'release' in value
}

/** A number that stays with a frame object. */
export function frameId(frame: Frame): number {
  const known = ids.get(frame)
  if (known !== undefined) return known
  count += 1
  ids.set(frame, count)
  return count
}

/** A frame as it is now. */
export function factsOf(frame: Frame): FrameFacts {
  const { length, checksum, gsoSize, segments } = frame
  return {
    id: frameId(frame),
    length,
    checksum,
    gsoSize,
    segments,
    hash: hashOf(frame),
    flow: flowOf(frame),
    number: numberOf(frame),
  }
}

/** A frame as it is now: the same facts if it is as it was. */
export function factsAfter(frame: Frame, before: FrameFacts): FrameFacts {
  const { length, checksum, gsoSize, segments } = frame
  const isSame =
    hashOf(frame) === before.hash &&
    length === before.length &&
    checksum === before.checksum &&
    gsoSize === before.gsoSize &&
    segments === before.segments
  return isSame ? before : factsOf(frame)
}

/** Bytes of a frame that are all hashed; behind them a word in so many, so that a frame of 64 KiB costs no more than two. */
const HEAD = 1536
const BEHIND = 256

/** FNV-1a over words of four bytes, the head in two lanes, then the rest. */
export function hashOf({ view, offset, length }: Frame): number {
  let hash = 0x811c9dc5 ^ length
  let other = 0
  const head = Math.min(length, HEAD) & ~7
  const end = offset + head
  for (let at = offset; at < end; at += 8) {
    hash = Math.imul(hash ^ view.getInt32(at), PRIME)
    other = Math.imul(other ^ view.getInt32(at + 4), PRIME)
  }
  hash = Math.imul(hash ^ other ^ (other >>> 15), PRIME)
  const step = Math.max(4, Math.floor((length - head) / BEHIND) & ~3)
  for (let at = head; at + 4 <= length; at += step) hash = Math.imul(hash ^ view.getInt32(offset + at), PRIME)
  for (let at = length & ~3; at < length; at += 1) hash = Math.imul(hash ^ view.getUint8(offset + at), PRIME)
  return hash >>> 0
}

const PRIME = 0x01000193
const IPV4 = 0x0800
const IPV6 = 0x86dd

const NO_PORTS = -1

/** A flow of IPv4 and its text: a run meets few flows in many frames. */
interface NamedFlow {
  readonly source: number
  readonly destination: number
  readonly protocol: number
  readonly ports: number
  readonly text: string
}

const NAMED = 1024
const named: (NamedFlow | undefined)[] = Array.from({ length: NAMED }, () => undefined)

function ipv4Flow(source: number, destination: number, protocol: number, ports: number): string {
  const mixed = Math.imul(Math.imul(source, 31) ^ destination ^ Math.imul(ports, 0x9e3779b1), 0x85ebca6b)
  const slot = mixed >>> 22
  const known = named[slot]
  if (
    known !== undefined &&
    known.source === source &&
    known.destination === destination &&
    known.protocol === protocol &&
    known.ports === ports
  )
    return known.text
  const ends = `${source}>${destination}/${protocol}`
  const text = ports === NO_PORTS ? ends : `${ends}/${ports}`
  named[slot] = { source, destination, protocol, ports, text }
  return text
}

/** By the words of RFC 791, 8200 and 768: read here anew, so that the kit does not trust the code that it judges. */
export function flowOf({ view, offset, length }: Frame): string {
  if (length < 34) return ''
  const type = view.getUint16(offset + 12)
  const at = offset + 14
  if (type === IPV4) {
    const protocol = view.getUint8(at + 9)
    const header = (view.getUint8(at) & 15) * 4
    const cut = (view.getUint16(at + 6) & 0x1fff) !== 0
    const hasPorts = (protocol === 6 || protocol === 17) && !cut && length >= 14 + header + 4
    const ports = hasPorts ? view.getUint32(at + header) : NO_PORTS
    return ipv4Flow(view.getUint32(at + 12), view.getUint32(at + 16), protocol, ports)
  }
  if (type !== IPV6 || length < 54) return ''
  let ends = ''
  for (let word = 8; word < 40; word += 4) ends += `${view.getUint32(at + word).toString(16)}.`
  const next = view.getUint8(at + 6)
  const ports = (next === 6 || next === 17) && length >= 58
  return `${ends}/${next}${ports ? `/${view.getUint32(at + 40)}` : ''}`
}

const TCP = 6
const ICMP = 1

/** By the words of RFC 791, 792 and 9293. */
function numberOf({ view, offset, length }: Frame): number {
  if (length < 34) return 0
  const at = offset + 14
  if (view.getUint16(offset + 12) === IPV6) {
    return length >= 62 && view.getUint8(at + 6) === TCP ? view.getUint32(at + 44) : 0
  }
  if (view.getUint16(offset + 12) !== IPV4) return 0
  const behind = 14 + (view.getUint8(at) & 15) * 4
  const isWhole = (view.getUint16(at + 6) & 0x3fff) === 0
  const protocol = view.getUint8(at + 9)
  if (isWhole && protocol === TCP && length >= behind + 8) return view.getUint32(offset + behind + 4)
  // Identifier and sequence number: two conversations between the same ends count each for itself.
  if (isWhole && protocol === ICMP && length >= behind + 8) return view.getUint32(offset + behind + 4)
  return view.getUint16(at + 4)
}

/** Names of the wire segments that a frame stands for, in order: what it is cut into bears them on the wire. */
export function piecesOf({ flow, number, gsoSize, segments }: Omit<FrameFacts, 'id'>): string[] {
  return Array.from({ length: segments }, (_, k) => `${flow}#${(number + k * gsoSize) >>> 0}`)
}
