// The hardware alone, rung by a guest that writes what it likes. The wire and the pages are a test's own.
import type { Frame, FramePool, HardwareContext, Page, View } from '@netaccel/core'
import { FramePool as Pool, parseIp, parseMac, privateArena, udpHeaders, writeUdp } from '@netaccel/packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BELL_ARM,
  BELL_POST,
  BELL_READ,
  BELL_SEND,
  bufferAddress,
  DONE_MISSED,
  DONE_RECEIVED,
  DONE_REFUSED,
  DONE_SENT,
  KIND_MASK,
  KIND_SHIFT,
  PAGE,
  phaseOf,
} from '../layout.js'
import { VmdqNic } from './nic.js'
import type { QueuePair } from './queue-pair.js'

const GUEST = '00:16:3e:00:00:01'
const SIZES = { events: 256, tx: 64, rx: 64 }

function setUp() {
  const work: (() => void)[] = []
  const sent: Frame[] = []
  const handed: Frame[] = []
  const bells: ((offset: number, value: number) => void)[] = []
  const pages = new Map<number, View>()
  type Calls = { sent: (frame: Frame) => void; frame: (frame: Frame) => string }
  const on: Calls = { sent: () => {}, frame: () => 'full' }
  const pool = (frames: number, bytesEach: number): FramePool =>
    new Pool(privateArena(frames * bytesEach), { frames, bytesEach }) as unknown as FramePool
  const context = {
    name: 'eth0',
    mac: '00:0f:53:00:00:0a',
    options: {},
    signal: new AbortController().signal,
    after: (_: number, job: () => void) => {
      work.push(job)
      return { cancel: () => void work.splice(work.indexOf(job), 1), again: () => void work.push(job) }
    },
    pool,
    memory: (page: Page) => pages.get(page),
    ioPage: (written: (offset: number, value: number) => void) => bells.push(written) as Page,
    received: (frame: Frame) => void handed.push(frame),
    wire: {
      link: true,
      onLink: () => {},
      send: (frame: Frame) => {
        sent.push(frame)
        return 'taken'
      },
      onSent: (call: (frame: Frame) => void) => (on.sent = call),
      onFrame: (call: (frame: Frame) => string) => (on.frame = call),
      ready: () => {},
    },
  }
  const nic = new VmdqNic(context as unknown as HardwareContext)
  const run = (): void => {
    for (let job = work.shift(); job !== undefined; job = work.shift()) job()
  }
  return { nic, run, sent, handed, bells, pages, on }
}

/** A pair of queues of a guest with eight pages of its own, and the guest's view of its rings. */
function pairOf(world: ReturnType<typeof setUp>, owner: number) {
  const rings = { ...privateArena(4 * PAGE), pages: [1, 2, 3, 4] as Page[] }
  const own = privateArena(8 * PAGE)
  const handles = Array.from({ length: 8 }, (_, i) => (owner * 100 + i) as Page)
  handles.forEach((page, i) => world.pages.set(page, { ...own, offset: i * PAGE, length: PAGE }))
  const vi = world.nic.vis.create({ owner, ...SIZES, rings }) as QueuePair
  const base = vi.register(handles)
  const bell = world.bells[world.bells.length - 1]
  const at = { done: 0, send: PAGE, post: 2 * PAGE }
  const write = (ring: 'send' | 'post', index: number, address: number, word1: number): void => {
    rings.view.setUint32(at[ring] + (index % 64) * 8, address, true)
    rings.view.setUint32(at[ring] + (index % 64) * 8 + 4, word1, true)
  }
  let head = 0
  /** Completions since the last look: kind, place or count, length. */
  const done = (): number[][] => {
    const found: number[][] = []
    for (;;) {
      const word0 = rings.view.getUint32((head % 256) * 8, true)
      const word1 = rings.view.getUint32((head % 256) * 8 + 4, true)
      if (word1 >>> 31 !== phaseOf(head, 256)) return found
      found.push([(word0 >>> KIND_SHIFT) & KIND_MASK, word0 & 0xffff, word1 & 0xffff])
      head++
    }
  }
  return { vi, base, own, bell, write, done, rings }
}

function frameTo(mac: string, length = 100): Frame {
  const [frame] = new Pool(privateArena(2048), { frames: 1, bytesEach: 2048 }).frames
  frame.reset(0)
  const ends = {
    source: parseIp('10.0.0.2'),
    destination: parseIp('10.0.0.1'),
    sourcePort: 1,
    destinationPort: 2,
  }
  const options = { ...ends, sourceMac: parseMac('00:16:3e:00:00:02'), destinationMac: parseMac(mac) }
  writeUdp(frame, { ...options, payloadLength: length - udpHeaders(options) })
  return frame
}

describe('the hardware', () => {
  it('sends what lies in the pages of its guest, and refuses all else, each with its completion', () => {
    const world = setUp()
    const { base, bell, write, done } = pairOf(world, 1)
    const other = pairOf(world, 2)
    expect(other.base).toBe(base)
    write('send', 0, bufferAddress(base, 0), 64)
    write('send', 1, bufferAddress(base + 8, 0), 64)
    write('send', 2, bufferAddress(0, 0), 64)
    write('send', 3, bufferAddress(base, 0), 13)
    write('send', 4, bufferAddress(base, 0), 1519)
    write('send', 5, bufferAddress(base + 7, PAGE - 10), 64)
    write('send', 6, bufferAddress(base + 6, PAGE - 10), 64)
    bell(BELL_SEND, 7)
    world.run()
    expect(world.sent.map(({ length }) => length)).toEqual([64, 64])
    for (const frame of world.sent) world.on.sent(frame)
    world.run()
    expect(done()).toEqual([
      ...[1, 2, 3, 4, 5].map((place) => [DONE_REFUSED, place, 0]),
      ...[0, 6].map((place) => [DONE_SENT, place, 0]),
    ])
  })

  it('believes no doorbell that no honest guest rings', () => {
    const world = setUp()
    const { bell, done, vi } = pairOf(world, 1)
    for (const register of [BELL_SEND, BELL_POST, BELL_READ, BELL_ARM])
      for (const value of [65, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, -1]) bell(register, value)
    world.run()
    expect([world.sent.length, vi.canReceive, done()]).toEqual([0, false, []])
  })

  it('steers by the address alone, and misses what a guest gives no buffer for', () => {
    const world = setUp()
    const { nic, on, run, handed } = world
    const guest = pairOf(world, 1)
    expect(nic.filters.insert({ mac: GUEST, protocol: 17 }, guest.vi)).toBe('unsupported')
    const filter = nic.filters.insert({ mac: GUEST }, guest.vi)
    expect(nic.filters.insert({ mac: GUEST }, guest.vi)).toBe('duplicate')
    expect(on.frame(frameTo('00:16:3e:00:00:09'))).toBe('taken')
    expect(handed).toHaveLength(1)
    // No buffer: the wire waits, and after its patience the frame is missed.
    expect(on.frame(frameTo(GUEST))).toBe('full')
    run()
    expect(on.frame(frameTo(GUEST))).toBe('taken')
    run()
    expect(guest.done()).toEqual([[DONE_MISSED, 1, 0]])
    guest.write('post', 0, bufferAddress(guest.base + 1, 100), 2048)
    guest.bell(BELL_POST, 1)
    const frame = frameTo(GUEST)
    expect(on.frame(frame)).toBe('taken')
    run()
    expect(guest.done()).toEqual([[DONE_RECEIVED, 0, 100]])
    expect(guest.own.bytes.slice(PAGE + 100, PAGE + 200)).toEqual(
      frame.bytes.slice(frame.offset, frame.offset + 100),
    )
    if (typeof filter === 'string') throw new Error(filter)
    expect(filter.hits()).toBe(1)
    filter.remove()
    expect([on.frame(frameTo(GUEST)), handed.length]).toEqual(['taken', 2])
  })

  it('writes nothing into a guest that is made quiet: what comes for it goes to the driver domain', async () => {
    const world = setUp()
    const guest = pairOf(world, 1)
    world.nic.filters.insert({ mac: GUEST }, guest.vi)
    guest.write('post', 0, bufferAddress(guest.base + 1, 100), 2048)
    guest.bell(BELL_POST, 1)
    await guest.vi.quiesce()
    const before = guest.own.bytes.slice()
    expect([world.on.frame(frameTo(GUEST)), world.handed.length]).toEqual(['taken', 1])
    expect(guest.own.bytes).toEqual(before)
    expect(guest.done()).toEqual([])
  })

  it('touches nothing but the pages of the guest, whatever that writes and rings', () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff })
    const step = fc.record({
      ring: fc.constantFrom('send', 'post'),
      index: fc.nat(63),
      word0: word,
      word1: word,
    })
    const ring = fc.record({
      register: fc.constantFrom(BELL_SEND, BELL_POST, BELL_READ, BELL_ARM),
      value: fc.oneof(word, fc.nat(130)),
    })
    const steps = fc.array(fc.oneof(step, ring), { maxLength: 60 })
    fc.assert(
      fc.property(steps, (list) => {
        const world = setUp()
        const good = pairOf(world, 1)
        const bad = pairOf(world, 2)
        good.own.bytes.fill(0xa5)
        world.nic.filters.insert({ mac: GUEST }, bad.vi)
        for (const each of list) {
          if ('ring' in each) bad.write(each.ring, each.index, each.word0, each.word1)
          else bad.bell(each.register, each.value)
          world.on.frame(frameTo(GUEST))
          world.run()
        }
        expect(good.own.bytes.every((byte) => byte === 0xa5)).toBe(true)
        expect(good.done()).toEqual([])
        // Nothing of another's went out.
        for (const frame of world.sent)
          expect(frame.bytes.subarray(frame.offset, frame.offset + frame.length).includes(0xa5)).toBe(false)
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})
