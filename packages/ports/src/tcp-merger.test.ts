import {
  FramePool,
  PacketInfo,
  parseIp,
  parseMac,
  parsePacket,
  poolBytes,
  privateArena,
} from '@netaccel/packet'
import { Random, Segmenter, writeTcp } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TcpMerger } from './tcp-merger.js'

const ACK = 0x10
const PSH = 0x08
const pool = new FramePool(privateArena(poolBytes(8, 69_632) + 4096), { frames: 8, bytesEach: 69_632 })
const info = new PacketInfo()

interface Segment {
  readonly port: number
  readonly sequence: number
  readonly payload: Uint8Array
  readonly flags?: number
  readonly checksum?: Frame['checksum']
  readonly id?: number
}

function makeFrame({ port, sequence, payload, flags = ACK, checksum = 'verified', id = 0 }: Segment): Frame {
  const frame = pool.take() as Frame
  writeTcp(frame, {
    sourceMac: parseMac('00:16:3e:00:00:02'),
    destinationMac: parseMac('00:16:3e:00:00:01'),
    source: parseIp('10.77.0.2'),
    destination: parseIp('10.77.0.1'),
    sourcePort: port,
    destinationPort: 5201,
    sequence,
    flags,
    ipId: id,
    payload,
  })
  frame.checksum = checksum
  return frame
}

/** What was written: per frame its port, sequence number, segments and payload. */
function collect() {
  const written: { port: number; sequence: number; segments: number; payload: Buffer }[] = []
  const merger = new TcpMerger((frame) => {
    parsePacket(frame, info)
    const from = frame.offset + info.payloadOffset
    const payload = Buffer.from(frame.bytes.slice(from, from + info.payloadLength))
    written.push({ port: info.sourcePort, sequence: info.sequence, segments: frame.segments, payload })
  })
  const push = (segment: Segment): void => {
    const frame = makeFrame(segment)
    merger.push(frame)
    frame.release()
  }
  return {
    merger,
    push,
    written,
    brief: () => written.map(({ port, sequence, segments }) => [port, sequence, segments]),
  }
}

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill)

/** Consecutive segments of one flow. */
function run(port: number, first: number, count: number, length = 1448): Segment[] {
  return Array.from({ length: count }, (_, i) => {
    return { port, sequence: first + i * length, payload: bytes(length, i), id: i }
  })
}

describe('segments of one burst', () => {
  it('are written as one frame', () => {
    const { merger, push, brief, written } = collect()
    for (const segment of run(1, 1000, 10)) push(segment)
    expect([brief(), merger.open]).toEqual([[], 1])
    merger.flush()
    expect([brief(), merger.open]).toEqual([[[1, 1000, 10]], 0])
    expect(written[0].payload.length).toBe(14_480)
  })

  it('are merged per flow, also when flows take turns', () => {
    const { merger, push, brief } = collect()
    const [one, two] = [run(1, 0, 3), run(2, 0, 3)]
    for (let i = 0; i < 3; i++) [one[i], two[i]].forEach(push)
    merger.flush()
    expect(brief()).toEqual([
      [1, 0, 3],
      [2, 0, 3],
    ])
  })

  it('are written at once when the last was pushed or is short', () => {
    const { push, brief } = collect()
    const [first, second] = run(1, 0, 2)
    push(first)
    push({ ...second, flags: ACK | PSH })
    const [third] = run(1, 5000, 1)
    push(third)
    push({ port: 1, sequence: 5000 + 1448, payload: bytes(100, 1), id: 1 })
    expect(brief()).toEqual([
      [1, 0, 2],
      [1, 5000, 2],
    ])
  })

  it('wait for no one: what cannot be merged goes before the next of its flow', () => {
    const { merger, push, brief } = collect()
    const [first] = run(1, 0, 1)
    push(first)
    push({ port: 1, sequence: 9000, payload: bytes(0, 0) })
    push({ port: 1, sequence: 9000, payload: bytes(1448, 0), checksum: 'none' })
    merger.flush()
    expect(brief()).toEqual([
      [1, 0, 1],
      [1, 9000, 1],
      [1, 9000, 1],
    ])
  })

  it('of a fifth flow make the oldest go', () => {
    const { merger, push, brief } = collect()
    for (let port = 1; port <= 5; port++) push(run(port, 0, 1)[0])
    expect([brief(), merger.open]).toEqual([[[1, 0, 1]], 4])
    merger.flush()
    expect(merger.open).toBe(0)
  })
})

it('keeps every byte of every flow, in order, whatever comes', () => {
  const segment = fc.record({
    port: fc.integer({ min: 1, max: 6 }),
    length: fc.constantFrom(0, 1, 100, 1448, 1448, 1448),
    push: fc.boolean(),
    good: fc.integer({ min: 0, max: 9 }),
    gap: fc.constantFrom(0, 0, 0, 7),
    flush: fc.integer({ min: 0, max: 9 }),
  })
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 120 }), (segments) => {
      const { merger, push, written } = collect()
      const random = new Random(5)
      const sent = new Map<number, Buffer[]>()
      const next = new Map<number, number>()
      const ids = new Map<number, number>()
      for (const { port, length, push: pushed, good, gap, flush } of segments) {
        const sequence = (next.get(port) ?? 0) + gap
        const payload = new Uint8Array(length).map(() => random.below(256))
        const id = ids.get(port) ?? 0
        push({
          port,
          sequence,
          payload,
          id,
          flags: pushed ? ACK | PSH : ACK,
          checksum: good === 0 ? 'none' : 'verified',
        })
        next.set(port, sequence + length)
        ids.set(port, id + 1)
        sent.set(port, [...(sent.get(port) ?? []), Buffer.from(payload)])
        if (flush === 0) merger.flush()
      }
      merger.flush()
      for (const [port, parts] of sent) {
        const got = Buffer.concat(written.filter((one) => one.port === port).map(({ payload }) => payload))
        expect(got.equals(Buffer.concat(parts))).toBe(true)
      }
      expect(written.reduce((sum, { segments: count }) => sum + count, 0)).toBe(segments.length)
      expect(pool.free).toBe(8)
    }),
    { seed: 11, numRuns: 200 },
  )
})

it('makes frames that are cut back into the same segments', () => {
  const outputs: number[] = []
  const segmenter = new Segmenter()
  const merger = new TcpMerger((frame) => {
    expect(segmenter.begin(frame)).toBe(true)
    for (let k = 0; k < segmenter.count; k++) {
      const piece = pool.take() as Frame
      segmenter.write(k, piece)
      parsePacket(piece, info)
      outputs.push(info.sequence)
      piece.release()
    }
    segmenter.end()
  })
  for (const one of run(1, 500, 20)) {
    const frame = makeFrame(one)
    merger.push(frame)
    frame.release()
  }
  merger.flush()
  expect(outputs).toEqual(run(1, 500, 20).map(({ sequence }) => sequence))
})
