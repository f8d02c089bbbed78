// Merging received segments (RX-04, RX-06, RX-08): the host's end is the test, the frames are real.
import type { Arena, Frame, FrontendQueue } from '@netaccel/core'
import {
  FramePool,
  PacketInfo,
  parseIp,
  parseMac,
  parsePacket,
  privateArena,
  Random,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  wordsOf,
  writeIcmpEcho,
  writeTcp,
  writeUdp,
} from '@netaccel/packet'
import type { Frame as PacketFrame, TcpOptions } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { Lro, LRO_BYTES } from './lro.js'
import { LroFlows } from './lro-flows.js'
import { Tally } from './tally.js'

const PAGE = 4096
const MSS = 1448
const ends = {
  sourceMac: parseMac('00:16:3e:00:00:02'),
  destinationMac: parseMac('00:16:3e:00:00:01'),
  source: parseIp('10.0.0.2'),
  destination: parseIp('10.0.0.1'),
}

/** What the host was given, read while it is whole. */
interface Got {
  readonly port: number
  readonly sequence: number
  readonly payload: string
  readonly segments: number
  readonly gsoSize: number
  readonly checksum: string
  readonly flags: number
}

class Bench {
  readonly memory = privateArena(256 * PAGE)
  readonly received: FramePool
  readonly merged: FramePool<Arena>
  readonly tally = new Tally()
  readonly flows = new LroFlows()
  readonly got: Got[] = []
  readonly lro: Lro
  charged = 0
  /** Next sequence number and IP id, by port. */
  private readonly at = new Map<number, { sequence: number; id: number }>()
  private readonly info = new PacketInfo()

  constructor(slowStart = 0, mergeFrames = 16) {
    const part = (from: number, pages: number) => ({
      ...this.memory,
      offset: from * PAGE,
      length: pages * PAGE,
      pages: [],
    })
    this.received = new FramePool(part(0, 128), { frames: 256, bytesEach: 2048 })
    this.merged = new FramePool(part(128, 128), { frames: mergeFrames, bytesEach: LRO_BYTES })
    this.lro = new Lro(this.doors(), {
      flows: this.flows,
      pool: this.merged,
      memory: wordsOf(this.memory.bytes),
      tally: this.tally,
      slowStart,
    })
  }

  /** The next segment of the flow of this port, changed as told; `skip`: bytes that are missing before it. */
  segment(port: number, change: Partial<TcpOptions> = {}, skip = 0): PacketFrame {
    const at = this.at.get(port) ?? { sequence: port * 1000, id: 7 }
    const frame = this.take()
    const payloadLength = change.payloadLength ?? MSS
    const sequence = (at.sequence + skip) >>> 0
    const payload = new Uint8Array(payloadLength)
    for (let i = 0; i < payloadLength; i++) payload[i] = (sequence + i) % 251
    const ports = { sourcePort: 80, destinationPort: port }
    writeTcp(frame, { ...ends, ...ports, sequence, ipId: at.id & 0xffff, payload, flags: TCP_ACK, ...change })
    frame.checksum = 'verified'
    this.at.set(port, { sequence: sequence + payloadLength, id: at.id + 1 })
    return frame
  }

  take(): PacketFrame {
    const frame = this.received.take()
    if (frame === undefined) throw new Error('no frame is left')
    return frame
  }

  /** A poll that receives these. */
  poll(...frames: Frame[]): Got[] {
    const from = this.got.length
    for (const frame of frames) this.lro.deliver(frame)
    this.lro.flush()
    return this.got.slice(from)
  }

  get home(): boolean {
    return this.received.free === 256 && this.merged.free === 16
  }

  private doors(): FrontendQueue {
    return {
      index: 0,
      deliver: (frame) => {
        const { info } = this
        parsePacket(frame as PacketFrame, info)
        const from = frame.offset + info.payloadOffset
        this.got.push({
          port: info.destinationPort,
          sequence: info.sequence,
          payload: Buffer.from(frame.bytes.slice(from, from + info.payloadLength)).toString('latin1'),
          segments: frame.segments,
          gsoSize: frame.gsoSize,
          checksum: frame.checksum,
          flags: info.tcpFlags,
        })
        frame.release()
      },
      completeTx() {},
      failTx() {},
      dropRx() {},
      schedule() {},
      wake() {},
      charge: (_cost, count) => void (this.charged += count),
    }
  }
}

/** Segments and bytes of each delivered frame. */
const shape = (got: readonly Got[]) => got.map(({ segments, payload }) => [segments, payload.length])

describe('merging', () => {
  it('RX-06, RX-08: segments in order become one GSO frame, up to 16 KiB', () => {
    const bench = new Bench()
    const got = bench.poll(...Array.from({ length: 14 }, () => bench.segment(5001)))
    expect(shape(got)).toEqual([
      [11, 11 * MSS],
      [3, 3 * MSS],
    ])
    expect(got.map(({ gsoSize, checksum }) => [gsoSize, checksum])).toEqual([
      [MSS, 'blank'],
      [MSS, 'blank'],
    ])
    expect([bench.tally.ssrBursts, bench.tally.ssrMerges, bench.home]).toEqual([2, 12, true])
    expect(bench.charged).toBe(14 * MSS + 2 * 54)
  })

  it('a segment that is alone goes out as it came, uncopied', () => {
    const bench = new Bench()
    const got = bench.poll(bench.segment(5001))
    expect(got.map(({ segments, gsoSize, checksum }) => [segments, gsoSize, checksum])).toEqual([
      [1, 0, 'verified'],
    ])
    expect([bench.charged, bench.home]).toEqual([0, true])
  })

  it('RX-02: nothing is kept beyond a poll', () => {
    const bench = new Bench()
    for (let i = 0; i < 5; i++)
      expect(shape(bench.poll(bench.segment(1), bench.segment(1)))).toEqual([[2, 2 * MSS]])
    expect(bench.home).toBe(true)
  })

  it('a flow must show 300 segments in order first', () => {
    const bench = new Bench(300)
    for (let i = 0; i < 300; i++) expect(bench.poll(bench.segment(1)).length).toBe(1)
    expect(shape(bench.poll(bench.segment(1), bench.segment(1)))).toEqual([[2, 2 * MSS]])
    expect(bench.tally.ssrSlowStart).toBe(300)
    const [one, two] = [bench.segment(1, {}, 10), bench.segment(1)]
    expect(bench.poll(one, two).length).toBe(2)
    expect([bench.tally.ssrMisorder, bench.tally.ssrSlowStart]).toEqual([1, 301])
  })

  it('a pushed segment is the last of its frame, a short one too', () => {
    const bench = new Bench()
    const got = bench.poll(
      bench.segment(1),
      bench.segment(1, { flags: TCP_ACK | TCP_PSH }),
      bench.segment(1),
      bench.segment(1, { payloadLength: 100 }),
      bench.segment(1, { flags: TCP_ACK | TCP_PSH }),
      bench.segment(1),
    )
    expect(shape(got)).toEqual([
      [2, 2 * MSS],
      [2, MSS + 100],
      [1, MSS],
      [1, MSS],
    ])
    expect(got[0].flags).toBe(TCP_ACK | TCP_PSH)
  })

  it('when all frames for merging are with the stack, segments go on as they are', () => {
    const bench = new Bench(0, 1)
    const kept = bench.merged.take()
    expect(shape(bench.poll(...[1, 2, 3].map(() => bench.segment(1))))).toEqual([
      [1, MSS],
      [1, MSS],
      [1, MSS],
    ])
    kept?.release()
    expect(shape(bench.poll(bench.segment(1), bench.segment(1)))).toEqual([[2, 2 * MSS]])
  })

  it('MEM-05: what a poll left half done goes back uncounted', () => {
    const bench = new Bench()
    for (const port of [1, 1, 1, 2]) bench.lro.deliver(bench.segment(port))
    bench.lro.release()
    expect([bench.home, bench.got]).toEqual([true, []])
    expect(bench.poll()).toEqual([])
  })
})

const between: [what: string, frame: (bench: Bench) => PacketFrame][] = [
  ['a pure ACK', (bench) => bench.segment(1, { payloadLength: 0 })],
  ['another window', (bench) => bench.segment(1, { window: 7 })],
  ['another acknowledgement', (bench) => bench.segment(1, { acknowledgement: 7 })],
  ['an unknown checksum', (bench) => Object.assign(bench.segment(1), { checksum: 'none' as const })],
  ['FIN', (bench) => bench.segment(1, { flags: TCP_ACK | TCP_FIN })],
  ['RST', (bench) => bench.segment(1, { flags: TCP_RST })],
  ['SYN', (bench) => bench.segment(1, { flags: TCP_SYN, payloadLength: 0 })],
  ['a gap', (bench) => bench.segment(1, {}, 5000)],
  [
    'a fragment',
    (bench) => {
      const frame = bench.segment(1)
      frame.view.setUint16(frame.offset + 20, 0x2000)
      return frame
    },
  ],
]

describe('what is not merged', () => {
  it.each(between)('RX-04: %s goes out behind what its flow held, and not in it', (_what, make) => {
    const bench = new Bench()
    bench.poll(bench.segment(1))
    const got = bench.poll(bench.segment(1), bench.segment(1), make(bench))
    expect(got.map(({ segments }) => segments)).toEqual([2, 1])
    expect(bench.home).toBe(true)
  })

  it('other protocols pass at once, and take nothing along', () => {
    const bench = new Bench()
    const udp = bench.take()
    writeUdp(udp, { ...ends, sourcePort: 80, destinationPort: 1, payloadLength: 10 })
    const icmp = bench.take()
    writeIcmpEcho(icmp, { ...ends, echoId: 1, sequence: 1, payloadLength: 8 })
    bench.lro.deliver(bench.segment(1))
    bench.lro.deliver(udp)
    expect(bench.got.length).toBe(1)
    bench.lro.deliver(icmp)
    bench.lro.deliver(bench.segment(1))
    bench.lro.flush()
    expect(bench.got.reduce((sum, { segments }) => sum + segments, 0)).toBe(4)
    expect(bench.home).toBe(true)
  })
})

describe('the flows', () => {
  it('eight are followed; one with traffic keeps its place', () => {
    const bench = new Bench()
    for (let round = 0; round < 3; round++)
      for (let port = 1; port <= 9; port++) bench.poll(bench.segment(port), bench.segment(port))
    const { ssrNewStream, ssrTooMany } = bench.tally
    expect([bench.flows.size, ssrNewStream, ssrTooMany]).toEqual([8, 8, 6])
    bench.flows.tick()
    for (let port = 2; port <= 8; port++) bench.poll(bench.segment(port))
    bench.poll(bench.segment(9))
    expect([bench.tally.ssrNewStream, bench.tally.ssrTooMany]).toEqual([9, 6])
  })

  it('bug 12: RX-08: a new flow is as young as its first segment: it is forgotten after 20 ms, and not before', () => {
    const flows = new LroFlows()
    let begun = 0
    flows.onFirst = () => begun++
    for (let i = 0; i < 100; i++) expect(flows.tick()).toBe(0)
    const place = flows.follow(1, 2, 3)
    expect([flows.tick(), flows.tick(), flows.find(1, 2, 3)]).toEqual([0, 0, place])
    expect([flows.tick(), flows.find(1, 2, 3), flows.size]).toEqual([1, -1, 0])
    const again = flows.follow(1, 2, 3)
    for (let i = 0; i < 10; i++) {
      flows.use(again)
      expect(flows.tick()).toBe(0)
    }
    expect(begun).toBe(2)
  })
})

describe('any traffic', () => {
  it('RX-04, RX-08, MEM-05: keeps each flow’s bytes, segments and order, whatever comes', () => {
    const random = new Random(8)
    for (let round = 0; round < 60; round++) {
      const bench = new Bench(random.below(4))
      const sent = new Map<number, { segments: number; bytes: string }>()
      for (let poll = 0; poll < 12; poll++) {
        const frames = Array.from({ length: random.below(40) }, () => {
          const port = 1 + random.below(10)
          const payloadLength = random.chance(0.1) ? random.below(MSS) : MSS
          const flags = random.chance(0.1) ? TCP_ACK | TCP_PSH : TCP_ACK
          const change = { payloadLength, flags, ...(random.chance(0.05) && { window: random.below(9) }) }
          const frame = bench.segment(port, change, random.chance(0.05) ? random.below(3000) : 0)
          if (random.chance(0.05)) frame.checksum = 'none'
          const from = frame.offset + frame.length - payloadLength
          const before = sent.get(port) ?? { segments: 0, bytes: '' }
          sent.set(port, {
            segments: before.segments + 1,
            bytes:
              before.bytes + Buffer.from(frame.bytes.slice(from, from + payloadLength)).toString('latin1'),
          })
          return frame
        })
        if (bench.poll(...frames).length > frames.length) throw new Error('more frames out than in')
        if (random.chance(0.3)) bench.flows.tick()
      }
      const got = new Map<number, { segments: number; bytes: string }>()
      for (const { port, segments, payload } of bench.got) {
        const before = got.get(port) ?? { segments: 0, bytes: '' }
        got.set(port, { segments: before.segments + segments, bytes: before.bytes + payload })
      }
      expect(got).toEqual(sent)
      expect(bench.home).toBe(true)
    }
  })
})

/** Bytes that one segment leaves to the collector: the least of several rounds, since the compiler allocates too. */
function bytesPerSegment(flows: number): number {
  const segments = 100_000
  const bench = new Bench()
  const wire = new LeanWire(bench, flows)
  let least = Infinity
  for (let round = 0; round < 12; round++) {
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    wire.carry(segments)
    least = Math.min(least, (process.memoryUsage().heapUsed - before) / segments)
  }
  expect(bench.tally.ssrMerges).toBeGreaterThan(0)
  return least
}

/** Segments in order, 32 a poll, whose headers were written once. */
class LeanWire {
  private readonly bench: Bench
  private readonly lro: Lro
  private readonly sequences: Int32Array
  private readonly ids: Uint16Array

  constructor(bench: Bench, flows: number) {
    this.bench = bench
    this.sequences = new Int32Array(flows)
    this.ids = new Uint16Array(flows)
    const queue: FrontendQueue = {
      index: 0,
      deliver: (frame) => frame.release(),
      completeTx() {},
      failTx() {},
      dropRx() {},
      schedule() {},
      wake() {},
      charge() {},
    }
    const { flows: table, merged: pool, tally, memory } = bench
    this.lro = new Lro(queue, { flows: table, pool, memory: wordsOf(memory.bytes), tally, slowStart: 300 })
    // Every buffer gets the headers once.
    const all = Array.from({ length: 256 }, () => bench.segment(1))
    for (const frame of all) frame.release()
  }

  carry(segments: number): void {
    const { bench, lro, sequences, ids } = this
    const flows = sequences.length
    for (let i = 0; i < segments; i++) {
      const frame = bench.take()
      const { view, offset } = frame
      const flow = i % flows
      frame.length = 54 + MSS
      frame.checksum = 'verified'
      view.setUint16(offset + 18, ids[flow]++)
      view.setUint16(offset + 36, 1 + flow)
      view.setInt32(offset + 38, sequences[flow])
      sequences[flow] += MSS
      lro.deliver(frame)
      if ((i & 31) === 31) lro.flush()
    }
    lro.flush()
  }
}

describe('PF-01: nothing is allocated', () => {
  it.each([1, 8])('by merging %i flows', (flows) => {
    expect(bytesPerSegment(flows)).toBeLessThan(0.5)
  })
})
