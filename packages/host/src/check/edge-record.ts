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

/** Murmur3's finaliser: spreads one 32-bit word over all bits. */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51)
  k = (k << 15) | (k >>> 17)
  let h = hash ^ Math.imul(k, 0x1b873593)
  h = (h << 13) | (h >>> 19)
  return (Math.imul(h, 5) + 0xe6546b64) | 0
}

function hashRange(view: DataView, from: number, to: number, seed: number): number {
  let hash = seed
  let at = from
  for (; at + 4 <= to; at += 4) hash = mix(hash, view.getInt32(at, true))
  let tail = 0
  for (; at < to; at += 1) tail = (tail << 8) | view.getUint8(at)
  return mix(mix(hash, tail), to - from)
}

const SEED_HIGH = 0x2545f491
const SEED_LOW = 0x9e3779b9 | 0

/** Reduce one frame to its wire segments. Never throws: whatever cannot be parsed is identified by all its bytes. */
export function recordFrame(frame: EdgeFrame, sink: SegmentSink): void {
  const { view, offset, length } = frame
  const end = offset + length
  const macs = length >= 14 ? hashRange(view, offset, offset + 12, 1) : 1
  const etherType = length >= 14 ? view.getUint16(offset + 12) : 0
  if (etherType === IPV4 && recordIpv4(frame, end, macs, sink)) return
  if (etherType === IPV6 && recordIpv6(frame, end, macs, sink)) return
  const high = hashRange(view, offset, end, SEED_HIGH)
  sink(high, hashRange(view, offset, end, SEED_LOW), mix(macs, etherType), length)
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
  const flow = mix(hashRange(view, ip + 12, ip + 20, macs), protocol)
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
  recordTransport(frame, ip + 40, last, next, mix(hashRange(view, ip + 8, ip + 40, macs), next), 0, sink)
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
  const high = mix(mix(hashRange(view, from, last, flow ^ SEED_HIGH), id), length)
  sink(high, mix(hashRange(view, from, last, flow ^ SEED_LOW), id), flow, last - from)
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
    const high = hashRange(view, l4 + 18, data, hashRange(view, l4, l4 + 16, flow ^ SEED_HIGH))
    sink(high, hashRange(view, l4 + 18, data, hashRange(view, l4, l4 + 16, flow ^ SEED_LOW)), flow, 0)
    return
  }
  const step = gsoSize > 0 ? gsoSize : payload
  for (let at = data; at < last; at += step) {
    const to = at + step < last ? at + step : last
    const seq = (sequence + (at - data)) | 0
    const kept = flags & ~MOVED_FLAGS
    const high = mix(mix(hashRange(view, at, to, flow ^ SEED_HIGH), seq), kept)
    sink(high, mix(hashRange(view, at, to, flow ^ SEED_LOW), seq), flow, to - at)
  }
}
