// The guest's end of a VI against event rings that no NIC would write: rules that hold whatever stands there. That the
// rings agree with the NIC is what the end-to-end tests show.
import type { Arena, Frame, FrontendQueue, IoPage, Page } from '@netaccel/core'
import { FramePool, parseIp, parseMac, privateArena, Random, wordsOf, writeUdp } from '@netaccel/packet'
import type { Frame as PacketFrame } from '@netaccel/packet'
import {
  DOORBELL_EVENT_ARM,
  DOORBELL_EVENT_READ,
  DOORBELL_RX,
  DOORBELL_TX,
  EVENT_CONTROL,
  EVENT_COUNT_SHIFT,
  EVENT_KIND_SHIFT,
  EVENT_RX,
  EVENT_RX_DISCARD,
  EVENT_TX,
  EVENT_TX_DISCARD,
  phaseOf,
  REASON_CRC,
  REASON_LINK,
  REASON_NO_DESCRIPTOR,
  RX_CHECKSUM_OK,
  RX_CONTINUED,
  RX_START,
  RX_SWITCHED,
} from '@netaccel/nic-sim/constants'
import { describe, expect, it } from 'vitest'
import { AcceptTest } from './accept.js'
import { Doorbell } from './doorbell.js'
import { EventQueue } from './event-queue.js'
import { MacTable } from './mac-table.js'
import { PageTable } from './page-table.js'
import { VnicQueue } from './queue.js'
import { Receiver } from './receiver.js'
import { RxFrame } from './rx-frame.js'
import { RxRing } from './rx-ring.js'
import { Tally } from './tally.js'
import { TxRing } from './tx-ring.js'

const PAGE = 4096
const EVENTS = 1024
const RING = 64
const ONE = '00:16:3e:00:00:01'
const TWO = '00:16:3e:00:00:02'

/** A VI's guest end over plain memory; the test plays the NIC. */
class Bench {
  readonly memory = privateArena(64 * PAGE)
  readonly events = privateArena(2 * PAGE)
  readonly txRing = privateArena(PAGE)
  readonly rxRing = privateArena(PAGE)
  readonly pool: FramePool<Arena>
  readonly assembly: FramePool<Arena>
  readonly stack: FramePool
  readonly tally = new Tally()
  readonly macs = new MacTable()
  readonly tx: TxRing
  readonly rx: RxRing
  readonly queue: VnicQueue
  readonly partial: RxFrame
  readonly rung: [register: number, value: number][] = []
  readonly delivered: Frame[] = []
  readonly completed: Frame[] = []
  readonly failed: [Frame, string][] = []
  readonly dropped: [reason: string, segments: number][] = []
  schedules = 0
  masked = true
  private written = 0

  constructor(registered = 48) {
    const part = (from: number, pages: number) => ({
      ...this.memory,
      offset: from * PAGE,
      length: pages * PAGE,
      pages: [] as Page[],
    })
    this.pool = new FramePool(part(0, 24), { frames: 48, bytesEach: 2048 })
    this.stack = new FramePool(part(24, 24), { frames: 48, bytesEach: 2048 })
    this.assembly = new FramePool(part(48, 16), { frames: 4, bytesEach: 4 * PAGE })
    const pages = new PageTable([part(0, 48)])
    for (let page = 0; page < registered; page++) pages.set(page * PAGE, 100 + page)
    const io: IoPage = { write32: (at, value) => void this.rung.push([at, value]), read32: () => 0 }
    const doorbell = new Doorbell(io)
    const words = wordsOf(this.memory.bytes)
    const buffers = { pages, copies: null, memory: words }
    this.tx = new TxRing(this.txRing, RING, doorbell, buffers, this.tally)
    this.rx = new RxRing(this.rxRing, RING, doorbell, pages, this.pool, 32)
    this.partial = new RxFrame(this.assembly, words)
    const receiver = new Receiver(this.rx, this.partial, this.macs, { seen() {} }, this.tally)
    receiver.setMac(0x0016, 0x3e000001)
    const accept = new AcceptTest(this.macs, this.tx, 1500)
    accept.open = true
    this.queue = new VnicQueue(
      {
        events: new EventQueue(this.events, EVENTS, 0, doorbell),
        tx: this.tx,
        rx: this.rx,
        receiver,
        accept,
        lro: null,
        channel: {
          port: 1,
          notify() {},
          mask: () => void (this.masked = true),
          unmask: () => void (this.masked = false),
        },
        tally: this.tally,
        after() {},
      },
      this.doors(),
    )
    this.rx.refill()
    this.rung.length = 0
  }

  /** The NIC writes an event. */
  event(kind: number, word0: number, rest = 0): void {
    const at = (this.written & (EVENTS - 1)) * 8
    const phase = phaseOf(this.written, EVENTS) === 1 ? 0x8000_0000 : 0
    this.events.view.setUint32(at, word0 >>> 0, true)
    this.events.view.setUint32(at + 4, ((kind << EVENT_KIND_SHIFT) | rest | phase) >>> 0, true)
    this.written++
  }

  /** A whole frame in one buffer. */
  received(slot: number, bytes: number, flags = RX_START): void {
    this.event(EVENT_RX, (bytes << EVENT_COUNT_SHIFT) | slot, flags)
  }

  send(length = 60, learnt = true): [PacketFrame, string] {
    if (learnt) this.macs.learn(0x0016, 0x3e000002)
    const frame = this.stack.take()
    if (frame === undefined) throw new Error('the stack is empty')
    writeUdp(frame, {
      sourceMac: parseMac(ONE),
      destinationMac: parseMac(TWO),
      source: parseIp('10.0.0.1'),
      destination: parseIp('10.0.0.2'),
      sourcePort: 1,
      destinationPort: 2,
      payloadLength: length - 42,
      blank: true,
    })
    const verdict = this.queue.startXmit(frame)
    if (verdict !== 'accepted') frame.release()
    return [frame, verdict]
  }

  rings(register: number): number {
    return this.rung.filter(([at]) => at === register).length
  }

  private doors(): FrontendQueue {
    return {
      index: 0,
      deliver: (frame) => {
        this.delivered.push(frame)
      },
      completeTx: (frame) => {
        this.completed.push(frame)
        frame.release()
      },
      failTx: (frame, reason) => {
        this.failed.push([frame, reason])
        frame.release()
      },
      dropRx: (reason, segments) => void this.dropped.push([reason, segments]),
      schedule: () => void this.schedules++,
      wake() {},
      charge() {},
    }
  }
}

describe('sending', () => {
  it('PF-02, TX-10: one doorbell a burst; TX-02: one event completes many, each once', () => {
    const bench = new Bench()
    const sent = [60, 100, 1514].map((length) => bench.send(length)[0])
    expect(bench.rung).toEqual([])
    bench.queue.flush()
    bench.queue.flush()
    expect(bench.rung).toEqual([[DOORBELL_TX, 3]])
    bench.event(EVENT_TX, (3 << EVENT_COUNT_SHIFT) | 2)
    expect(bench.queue.poll(64)).toBe('idle')
    expect(bench.completed).toEqual(sent)
    expect(bench.tx.pending).toBe(0)
  })

  it('TX-03, TX-07: busy leaves no trace, and room alone changes it', () => {
    const bench = new Bench()
    let accepted = 0
    while (bench.stack.free > 0) if (bench.send()[1] === 'accepted') accepted++
    expect(accepted).toBe(48)
    const ring = new Bench()
    for (let i = 0; i < RING; i++) {
      const [frame, verdict] = ring.send()
      expect(verdict).toBe('accepted')
      // Frees the stack's place at once: only the ring's room is looked at here.
      frame.release()
    }
    const before = Buffer.from(ring.txRing.bytes).toString('hex')
    expect(ring.send()[1]).toBe('busy')
    expect(Buffer.from(ring.txRing.bytes).toString('hex')).toBe(before)
    expect([ring.tally.txBusy, ring.tx.pending, ring.queue.hasRoom()]).toEqual([1, RING, false])
  })

  it('TX-06: what the NIC cannot reach is declined, with and without room', () => {
    const bench = new Bench(24)
    expect(bench.send()[1]).toBe('declined')
    expect(new Bench().send(60, false)[1]).toBe('declined')
  })

  it('fails a frame that the NIC did not send, with the reason', () => {
    const bench = new Bench()
    const [one] = bench.send()
    const [two] = bench.send()
    bench.event(EVENT_TX_DISCARD, (1 << EVENT_COUNT_SHIFT) | 0, REASON_LINK)
    bench.event(EVENT_TX_DISCARD, (1 << EVENT_COUNT_SHIFT) | 1, REASON_CRC)
    bench.queue.poll(64)
    expect(bench.failed).toEqual([
      [one, 'link-down'],
      [two, 'refused'],
    ])
  })

  it.each([
    ['of no descriptor', 0],
    ['of more than were posted', (3 << EVENT_COUNT_SHIFT) | 2],
    ['of another slot', (2 << EVENT_COUNT_SHIFT) | 7],
    ['of more than one event may name', (65 << EVENT_COUNT_SHIFT) | 0],
  ])('TX-02: a completion %s is counted and does nothing', (_what, word0) => {
    const bench = new Bench()
    bench.send()
    bench.send()
    bench.event(EVENT_TX, word0)
    bench.queue.poll(64)
    expect([bench.tally.badEventCount, bench.completed.length, bench.tx.pending]).toEqual([1, 0, 2])
  })

  it('LC-12: once the VI is gone, lent frames are failed by the next poll, after its last events', () => {
    const bench = new Bench()
    const [one] = bench.send()
    const [two] = bench.send()
    bench.event(EVENT_TX, (1 << EVENT_COUNT_SHIFT) | 0)
    bench.queue.viGone()
    bench.queue.poll(64)
    expect(bench.completed).toEqual([one])
    expect(bench.failed).toEqual([[two, 'reset']])
  })
})

describe('receiving', () => {
  it('TX-11: a frame from the wire is evidence of its sender, one from the switch is none', () => {
    const bench = new Bench()
    bench.received(0, 60)
    bench.queue.poll(64)
    // The buffers that come next.
    const { bytes } = bench.delivered[0]
    bytes.set(parseMac('00:16:3e:00:00:07'), 2048 + 6)
    bytes.set(parseMac('00:16:3e:00:00:08'), 4096 + 6)
    bench.received(1, 60, RX_START | RX_SWITCHED)
    bench.received(2, 60)
    bench.queue.poll(64)
    expect(bench.delivered.length).toBe(3)
    expect([bench.macs.has(0x0016, 0x3e000007), bench.macs.has(0x0016, 0x3e000008)]).toEqual([false, true])
  })

  it('RX-04, RX-06: delivers in order what the events say', () => {
    const bench = new Bench()
    bench.received(0, 60, RX_START | RX_CHECKSUM_OK)
    bench.received(1, 1514)
    expect(bench.queue.poll(64)).toBe('idle')
    expect(
      bench.delivered.map(({ length, checksum, segments, gsoSize }) => [length, checksum, segments, gsoSize]),
    ).toEqual([
      [60, 'verified', 1, 0],
      [1514, 'none', 1, 0],
    ])
    expect(bench.delivered.map(({ offset }) => offset)).toEqual([0, 2048])
  })

  it('RX-01, RX-02: delivers no more than the budget, and says so', () => {
    const bench = new Bench()
    for (let slot = 0; slot < 5; slot++) bench.received(slot, 60)
    expect([bench.queue.poll(0), bench.queue.poll(3)]).toEqual(['more', 'more'])
    expect(bench.delivered.length).toBe(3)
    expect([bench.queue.poll(2), bench.delivered.length]).toEqual(['idle', 5])
  })

  it('RX-05, PF-02: posts a buffer again only when it is back, in batches of 16 with one doorbell each', () => {
    const bench = new Bench()
    for (let slot = 0; slot < 32; slot++) bench.received(slot, 60)
    bench.queue.poll(64)
    expect([bench.rings(DOORBELL_RX), bench.rx.posted, bench.pool.free]).toEqual([1, 16, 0])
    for (const frame of bench.delivered) frame.release()
    bench.queue.poll(64)
    expect([bench.rings(DOORBELL_RX), bench.rx.posted]).toEqual([2, 32])
  })

  it('puts a frame of several buffers together, and gives them back', () => {
    const bench = new Bench()
    for (let i = 0; i < 2 * 2048 + 100; i++) bench.memory.bytes[i] = i % 251
    bench.event(EVENT_RX, (2048 << EVENT_COUNT_SHIFT) | 0, RX_START | RX_CONTINUED)
    bench.event(EVENT_RX, (4096 << EVENT_COUNT_SHIFT) | 1, RX_CONTINUED)
    bench.received(2, 4196, RX_CHECKSUM_OK)
    bench.queue.poll(64)
    const [whole] = bench.delivered
    expect([whole.length, whole.checksum]).toEqual([4196, 'verified'])
    const bytes = whole.bytes.subarray(whole.offset, whole.offset + whole.length)
    expect(bytes.every((byte, i) => byte === i % 251)).toBe(true)
    whole.release()
    expect([bench.assembly.free, bench.rx.posted + bench.pool.free]).toEqual([4, 48])
  })

  it('RX-07: two beginnings, a missing head and a length that shrinks cost their own frame', () => {
    const bench = new Bench()
    bench.event(EVENT_RX, (2048 << EVENT_COUNT_SHIFT) | 0, RX_START | RX_CONTINUED)
    bench.received(1, 60)
    bench.received(2, 100, 0)
    bench.event(EVENT_RX, (2048 << EVENT_COUNT_SHIFT) | 3, RX_START | RX_CONTINUED)
    bench.received(4, 2048, 0)
    bench.received(5, 61)
    bench.queue.poll(64)
    expect(bench.delivered.map(({ length }) => length)).toEqual([60, 61])
    expect(bench.dropped).toEqual([
      ['malformed', 1],
      ['malformed', 1],
      ['malformed', 1],
    ])
    for (const frame of bench.delivered) frame.release()
    expect(bench.rx.posted + bench.pool.free).toBe(48)
  })

  it('RX-07: a buffer that is not there is not believed; one whose event was lost is given up', () => {
    const bench = new Bench()
    bench.received(63, 60)
    bench.received(2, 60)
    bench.received(40, 60)
    bench.queue.poll(64)
    expect(bench.delivered.map(({ offset }) => offset)).toEqual([2 * 2048])
    expect([bench.dropped, bench.tally.badEventCount]).toEqual([[['malformed', 2]], 4])
    for (const frame of bench.delivered) frame.release()
    expect(bench.rx.posted + bench.pool.free).toBe(48)
  })

  it('bug 8: RX-07, MEM-05: a frame of more buffers than there can be is dropped, and they all return', () => {
    const bench = new Bench()
    for (let slot = 0; slot < 9; slot++)
      bench.event(
        EVENT_RX,
        (((slot + 1) * 2000) << EVENT_COUNT_SHIFT) | slot,
        (slot === 0 ? RX_START : 0) | RX_CONTINUED,
      )
    bench.received(9, 60)
    bench.queue.poll(64)
    expect([bench.delivered.map(({ length }) => length), bench.dropped]).toEqual([[60], [['malformed', 1]]])
    for (const frame of bench.delivered) frame.release()
    expect(bench.rx.posted + bench.pool.free).toBe(48)
  })

  it('RX-03: what the NIC discards is dropped with its reason', () => {
    const bench = new Bench()
    bench.event(EVENT_RX_DISCARD, (1 << EVENT_COUNT_SHIFT) | 0, REASON_CRC | (70 << 8))
    bench.event(EVENT_RX_DISCARD, (5 << EVENT_COUNT_SHIFT) | 1, REASON_NO_DESCRIPTOR | (400 << 8))
    bench.received(1, 60)
    bench.queue.poll(64)
    expect(bench.dropped).toEqual([
      ['bad-crc', 1],
      ['no-descriptor', 5],
    ])
    expect([bench.delivered.length, bench.tally.crcBad, bench.tally.noDescriptor]).toEqual([1, 1, 5])
  })

  it('MEM-05: a jumbo frame without memory to put it together is dropped, its buffers return', () => {
    const bench = new Bench()
    const kept = [1, 2, 3, 4].map(() => bench.assembly.take())
    bench.event(EVENT_RX, (2048 << EVENT_COUNT_SHIFT) | 0, RX_START | RX_CONTINUED)
    bench.received(1, 2100, 0)
    bench.queue.poll(64)
    expect([bench.dropped, bench.rx.posted + bench.pool.free, kept.length]).toEqual([
      [['no-memory', 1]],
      48,
      4,
    ])
  })
})

describe('interrupts', () => {
  it('scenario 14: IR-01, IR-02: waits for nothing that is there, arms else, and one wake-up schedules once', () => {
    const bench = new Bench()
    bench.received(0, 60)
    expect([bench.queue.startInterrupts(), bench.masked]).toEqual(['waiting', true])
    bench.queue.poll(64)
    expect([bench.queue.startInterrupts(), bench.masked, bench.rung.at(-1)]).toEqual([
      'armed',
      false,
      [DOORBELL_EVENT_ARM, 1],
    ])
    bench.queue.interrupt()
    bench.queue.interrupt()
    expect([bench.schedules, bench.masked, bench.tally.irqCount, bench.tally.uselessIrqCount]).toEqual([
      1,
      true,
      1,
      1,
    ])
  })

  it('IR-03: after stopInterrupts nothing schedules; both may be repeated', () => {
    const bench = new Bench()
    bench.queue.startInterrupts()
    bench.queue.stopInterrupts()
    bench.queue.stopInterrupts()
    bench.queue.interrupt()
    expect([bench.schedules, bench.masked]).toEqual([0, true])
    expect([bench.queue.startInterrupts(), bench.queue.startInterrupts()]).toEqual(['armed', 'armed'])
    bench.queue.interrupt()
    expect(bench.schedules).toBe(1)
  })

  it('gives event places back long before the queue is full', () => {
    const bench = new Bench()
    for (let i = 0; i < 200; i++) {
      bench.event(EVENT_CONTROL, 0)
      bench.queue.poll(1)
    }
    expect(bench.rung.filter(([at]) => at === DOORBELL_EVENT_READ)).toEqual([[DOORBELL_EVENT_READ, 128]])
  })
})

describe('whatever stands in the event ring', () => {
  it('bug 13: ER-03, RX-09, MEM-05: nothing throws, a poll ends within one ring, and no buffer is lost', () => {
    const random = new Random(99)
    for (let round = 0; round < 40; round++) {
      const bench = new Bench()
      for (let i = 0; i < 4; i++) bench.send()
      random.fill(bench.events.bytes)
      for (let i = 0; i < 60; i++) {
        bench.event(
          random.below(8),
          random.chance(0.5) ? random.next32() : random.below(64) | (random.below(3) << 16),
          random.below(1 << 16),
        )
      }
      for (let polls = 0; polls < 3; polls++) {
        const before = bench.tally.eventCount
        bench.queue.poll(64)
        if (bench.tally.eventCount - before > EVENTS) throw new Error('a poll read more than one ring')
      }
      for (const frame of bench.delivered) frame.release()
      bench.queue.viGone()
      bench.queue.poll(2000)
      bench.partial.release()
      bench.rx.releaseAll()
      expect([bench.pool.free, bench.assembly.free, bench.stack.free]).toEqual([48, 4, 48])
    }
  })
})
