/**
 * What the edge oracle sees of a packet: an identity that survives every legal change on the way.
 *
 * On purpose this file parses frames by itself and shares no code with the path: a mistake in the path's own
 * header views must not hide itself from the judge. It reads bytes and writes none.
 *
 * A legal change is: segmentation of a GSO frame, merging of segments, and the completion of a checksum. So a packet
 * becomes one record per wire segment, made of addresses, ports, the segment's own TCP sequence number, its payload
 * and (without payload) the rest of its TCP header; never of checksums, total lengths or IP ids that cutting makes anew.
 */

/** The frame's bytes and the two facts that only its descriptor holds. */
export interface EdgeFrame {
  readonly view: DataView
  readonly offset: number
  readonly length: number
  /** Payload bytes per wire segment; 0 when the frame is one segment. */
  readonly gsoSize: number
}

/** Called once per wire segment: two 32-bit hashes of its identity, and the hash of the flow whose order is kept. */
export type SegmentSink = (
  identityHigh: number,
  identityLow: number,
  flow: number,
  payloadBytes: number,
) => void

const IPV4 = 0x0800
const IPV6 = 0x86dd
const TCP = 6
const UDP = 17

/** Two 32-bit halves of the hash of a range: results of {@link hashRange}, which would otherwise make an object each time. */
let high = 0
let low = 0

const SEED_HIGH = 0x2545f491
const SEED_LOW = 0x9e3779b9 | 0
const PRIME_1 = 0x9e3779b1 | 0
const PRIME_2 = 0x85ebca77 | 0

/** One step of murmur3: spreads a word over a hash. */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51)
  k = (k << 15) | (k >>> 17)
  let h = hash ^ Math.imul(k, 0x1b873593)
  h = (h << 13) | (h >>> 19)
  return (Math.imul(h, 5) + 0xe6546b64) | 0
}

/** Each step maps lanes one to one, so that no single changed word can cancel itself. */
function step(lane: number, word: number): number {
  const x = lane ^ word
  return Math.imul((x << 13) | (x >>> 19), PRIME_1)
}

/** Hash a range into {@link high} and {@link low}, in four lanes as xxHash does: a fifth of a nanosecond a byte. */
function hashRange(view: DataView, from: number, to: number, seed: number): void {
  let a = seed ^ SEED_HIGH
  let b = seed + PRIME_2
  let c = seed ^ SEED_LOW
  let d = seed - PRIME_1
  let at = from
  for (const end = to - 15; at < end; at += 16) {
    a = step(a, view.getInt32(at, true))
    b = step(b, view.getInt32(at + 4, true))
    c = step(c, view.getInt32(at + 8, true))
    d = step(d, view.getInt32(at + 12, true))
  }
  for (; at + 4 <= to; at += 4) a = step(a, view.getInt32(at, true))
  let tail = to - from
  for (; at < to; at += 1) tail = (tail << 8) ^ view.getUint8(at)
  high = mix(mix(mix(mix(mix(SEED_HIGH, a), b), c), d), tail)
  low = mix(mix(mix(mix(mix(SEED_LOW, d), tail), c), b), a)
}

/** A flow's name in 32 bits. */
function flowOf(view: DataView, from: number, to: number, seed: number): number {
  hashRange(view, from, to, seed)
  return high
}

/** Reduce one frame to its wire segments. Never throws: whatever cannot be parsed is identified by all its bytes. */
export function recordFrame(frame: EdgeFrame, sink: SegmentSink): void {
  const { view, offset, length } = frame
  const end = offset + length
  const macs = length >= 14 ? flowOf(view, offset, offset + 12, 1) : 1
  const etherType = length >= 14 ? view.getUint16(offset + 12) : 0
  if (etherType === IPV4 && recordIpv4(frame, end, macs, sink)) return
  if (etherType === IPV6 && recordIpv6(frame, end, macs, sink)) return
  hashRange(view, offset, end, etherType)
  sink(high, low, mix(macs, etherType), length)
}

function recordIpv4(frame: EdgeFrame, end: number, macs: number, sink: SegmentSink): boolean {
  const { view } = frame
  const ip = frame.offset + 14
  if (ip + 20 > end) return false
  const headerLength = (view.getUint8(ip) & 15) * 4
  const last = ip + view.getUint16(ip + 2)
  if (view.getUint8(ip) >> 4 !== 4 || headerLength < 20 || last > end || ip + headerLength > last)
    return false
  const protocol = view.getUint8(ip + 9)
  const flow = mix(flowOf(view, ip + 12, ip + 20, macs), protocol)
  const fragmented = (view.getUint16(ip + 6) & 0x3fff) !== 0
  // Only a TCP segment may be cut, which gives it a new id; everything else keeps the one it has.
  const id = protocol === TCP && !fragmented ? 0 : (view.getUint16(ip + 4) << 16) | view.getUint16(ip + 6)
  recordTransport(frame, ip + headerLength, last, fragmented ? 0 : protocol, flow, id, sink)
  return true
}

function recordIpv6(frame: EdgeFrame, end: number, macs: number, sink: SegmentSink): boolean {
  const { view } = frame
  const ip = frame.offset + 14
  if (ip + 40 > end || view.getUint8(ip) >> 4 !== 6) return false
  const last = ip + 40 + view.getUint16(ip + 4)
  if (last > end) return false
  const next = view.getUint8(ip + 6)
  recordTransport(frame, ip + 40, last, next, mix(flowOf(view, ip + 8, ip + 40, macs), next), 0, sink)
  return true
}

function recordTransport(
  frame: EdgeFrame,
  l4: number,
  last: number,
  protocol: number,
  addresses: number,
  id: number,
  sink: SegmentSink,
): void {
  const { view } = frame
  if (protocol === TCP && l4 + 20 <= last) {
    const data = l4 + (view.getUint8(l4 + 12) >> 4) * 4
    if (data >= l4 + 20 && data <= last) {
      recordTcp(frame, l4, data, last, mix(addresses, view.getInt32(l4)), sink)
      return
    }
  }
  const ported = (protocol === TCP || protocol === UDP) && l4 + 8 <= last
  const flow = ported ? mix(addresses, view.getInt32(l4)) : addresses
  // A UDP checksum may be completed on the way: leave bytes 6 and 7 of its header out.
  const from = protocol === UDP && ported ? l4 + 8 : l4
  const length = protocol === UDP && ported ? view.getUint16(l4 + 4) : 0
  hashRange(view, from, last, flow)
  sink(mix(mix(high, id), length), mix(low, id ^ length), flow, last - from)
}

/** Bits of the TCP flags byte that cutting moves to the first or the last segment: FIN, PSH, CWR. */
const MOVED_FLAGS = 0x01 | 0x08 | 0x80

function recordTcp(
  frame: EdgeFrame,
  l4: number,
  data: number,
  last: number,
  flow: number,
  sink: SegmentSink,
): void {
  const { view, gsoSize } = frame
  const sequence = view.getUint32(l4 + 4)
  const flags = view.getUint8(l4 + 13)
  const payload = last - data
  if (payload === 0) {
    // Acknowledgements and the like: everything but the checksum (bytes 16 and 17) is their identity.
    hashRange(view, l4 + 18, data, flow)
    hashRange(view, l4, l4 + 16, high)
    sink(high, low, flow, 0)
    return
  }
  const size = gsoSize > 0 ? gsoSize : payload
  const kept = flags & ~MOVED_FLAGS
  for (let at = data; at < last; at += size) {
    const to = at + size < last ? at + size : last
    const seq = (sequence + (at - data)) | 0
    hashRange(view, at, to, flow)
    sink(mix(mix(high, seq), kept), mix(low, seq ^ kept), flow, to - at)
  }
}
