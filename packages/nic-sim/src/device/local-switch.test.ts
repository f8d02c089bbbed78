import { parseMac } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  EVENT_RX,
  EVENT_RX_DISCARD,
  EVENT_TX,
  EVENT_TX_DISCARD,
  REASON_LINK,
  REASON_MALFORMED,
  REASON_NO_DESCRIPTOR,
  RX_CHECKSUM_BAD,
  RX_CHECKSUM_OK,
  RX_SWITCHED,
  TX_OPTION_TCPV4,
} from '../constants.js'
import { RawGuest } from '../testing/raw-guest.js'
import { bytesOf, key, pattern, tcp, udp, written } from '../testing/rig.js'
import type { World } from '../testing/world.js'
import { world } from '../testing/world.js'

const A = '00:16:3e:00:00:0a'
const B = '00:16:3e:00:00:0b'
/** A guest of this host without a VI, and a host beyond the wire. */
const C = '00:16:3e:00:00:0c'
const FAR = '00:16:3e:00:00:99'
const ALL = 'ff:ff:ff:ff:ff:ff'
const NIC = '00:0f:53:00:00:01'
const BUFFER = 2048

const macs = (from: string, to: string) => ({ sourceMac: parseMac(from), destinationMac: parseMac(to) })

let w: World
let a: RawGuest
let b: RawGuest
/** What came to the driver domain from the wire, and from VIs. */
let switched: Uint8Array[]

function begin(options: Parameters<typeof world>[0] = {}): void {
  w = world({ ...options, guest: { ...options.guest, mac: A } })
  a = w.guest
  b = new RawGuest(w.near, 2, { mac: B })
  switched = []
  w.near.driver.onSwitched = (frame: Frame) => {
    switched.push(bytesOf(frame))
    frame.release()
  }
  w.near.driver.addAddress(C)
  expect(w.near.driver.filters.insert(key(17), b.vi)).toBeTypeOf('object')
}

function post(guest: RawGuest, buffers: number): void {
  for (let i = 0; i < buffers; i++) guest.postRx((guest.rxProducer % 32) * BUFFER, BUFFER)
  guest.ringRx()
}

/** Frames at the four places where one can come out. */
const places = () => ({
  toB: b.poll().filter(({ kind }) => kind === EVENT_RX).length,
  toA: a.poll().filter(({ kind }) => kind === EVENT_RX).length,
  host: switched.length,
  wire: w.far.received.length,
})

beforeEach(() => begin())

describe('a frame that a guest sends by its VI', () => {
  const ways: [string, string, Partial<ReturnType<typeof places>>][] = [
    ['to a guest on this host whose filter it hits: into its VI', B, { toB: 1 }],
    ['to a guest on this host without a VI: to the driver domain', C, { host: 1 }],
    ["to the driver domain's own address: to it", NIC, { host: 1 }],
    ['to an address beyond the wire, or unknown: to the wire', FAR, { wire: 1 }],
    ['to all: to the wire and to the driver domain, once each, and into no VI', ALL, { wire: 1, host: 1 }],
    ['to a group: the same', '01:00:5e:00:00:01', { wire: 1, host: 1 }],
    ['to its own address: nowhere', A, {}],
  ]
  it.each(ways)('%s', async (_, to, expected) => {
    post(a, 2)
    post(b, 2)
    a.send(50_000, written(udp(pattern(100), macs(A, to))))
    await w.clock.run()
    expect(a.poll()).toMatchObject([{ kind: EVENT_TX, count: 1 }])
    expect(places()).toEqual({ toA: 0, toB: 0, host: 0, wire: 0, ...expected })
    expect(w.near.received).toEqual([])
    expect(w.near.device.drops.frames('nic_switch_own')).toBe(to === A ? 1 : 0)
  })

  it('lies in the buffer as it was sent, checked, and marked as not from the wire', async () => {
    post(b, 2)
    const frame = written(udp(pattern(300), macs(A, B)))
    a.send(50_000, frame, true)
    const wrong = frame.slice()
    wrong[wrong.length - 1] ^= 1
    a.send(54_000, wrong)
    await w.clock.run()
    const events = b.poll()
    expect(events.map(({ kind, count }) => [kind, count])).toEqual([
      [EVENT_RX, frame.length],
      [EVENT_RX, frame.length],
    ])
    const checked = RX_CHECKSUM_OK | RX_CHECKSUM_BAD | RX_SWITCHED
    expect(events.map(({ word1 }) => word1 & checked)).toEqual([
      RX_CHECKSUM_OK | RX_SWITCHED,
      RX_CHECKSUM_BAD | RX_SWITCHED,
    ])
    expect(b.get(0, frame.length)).toEqual(frame)
    expect(b.get(BUFFER, frame.length)).toEqual(wrong)
  })

  it('does not come back to its sender though a filter leads there', async () => {
    expect(w.near.driver.filters.insert({ ...key(17, 5), destination: '10.0.0.9' }, a.vi)).toBeTypeOf(
      'object',
    )
    post(a, 1)
    const to = { destination: Uint8Array.of(10, 0, 0, 9), destinationPort: 5 }
    a.send(50_000, written(udp(pattern(20), { ...macs(A, C), ...to })))
    await w.clock.run()
    expect(places()).toEqual({ toA: 0, toB: 0, host: 1, wire: 0 })
  })

  it('stays on the host without a link; what is for the wire alone is discarded', async () => {
    w.wire.setLink(false)
    post(b, 1)
    for (const [i, to] of [B, C, ALL, FAR].entries())
      a.send(50_000 + i * 256, written(udp(pattern(100), macs(A, to))))
    await w.clock.run()
    expect(a.poll()).toMatchObject([
      { kind: EVENT_TX, count: 3 },
      { kind: EVENT_TX_DISCARD, reason: REASON_LINK, count: 1 },
    ])
    expect(places()).toEqual({ toA: 0, toB: 1, host: 2, wire: 0 })
  })

  it('under a foreign address is dropped before it is switched, if that is policed', async () => {
    begin({ nic: { police: { sourceMac: true } } })
    post(b, 1)
    a.send(50_000, written(udp(pattern(100), macs(C, B))))
    await w.clock.run()
    expect(places()).toEqual({ toA: 0, toB: 0, host: 0, wire: 0 })
    expect(w.near.device.drops.frames('nic_vi_spoofed')).toBe(1)
  })
})

describe('what is no guest VI’s is not switched', () => {
  it('a frame of the driver domain goes to the wire, whatever its destination', async () => {
    post(b, 2)
    for (const to of [A, B, C, ALL]) w.near.send(udp(pattern(40), macs(C, to)))
    await w.clock.run()
    expect(places()).toEqual({ toA: 0, toB: 0, host: 0, wire: 4 })
    expect(w.near.received).toEqual([])
  })

  it('a frame from the wire goes where the filters say, unmarked', async () => {
    post(b, 1)
    w.far.send(udp(pattern(40), macs(FAR, B)))
    w.far.send(udp(pattern(41), { ...macs(FAR, C), destinationPort: 9 }))
    await w.clock.run()
    expect(b.poll()[0].word1 & RX_SWITCHED).toBe(0)
    expect([w.near.received.length, switched.length, w.far.received.length]).toEqual([1, 0, 0])
  })

  it('an address is local as long as somebody on this host has it', async () => {
    w.near.driver.removeAddress(C)
    b.vi.close()
    for (const [i, to] of [B, C].entries()) a.send(50_000 + i * 256, written(udp(pattern(40), macs(A, to))))
    await w.clock.run()
    expect(w.far.received.length).toBe(2)
    expect(switched).toEqual([])
  })
})

describe('a receiver on this host that has no buffer', () => {
  it('holds up its sender alone, and nothing is lost', async () => {
    const other = new RawGuest(w.near, 3)
    for (let i = 0; i < 20; i++)
      a.send(65_536 + i * 256, written(udp(Uint8Array.of(i, ...pattern(99)), macs(A, B))))
    for (let i = 0; i < 20; i++) other.send(65_536, written(udp(pattern(50), macs(FAR, FAR))))
    w.near.send(udp(pattern(60)))
    await w.clock.run({ for: 1_000_000 })
    expect(w.far.received.length).toBe(21)
    expect(a.poll()).toEqual([])
    const got: number[] = []
    for (let i = 0; i < 10; i++) {
      post(b, 2)
      await w.clock.run({ for: 100_000 })
      for (const { slot } of b.poll()) got.push(b.get((slot % 32) * BUFFER + 42, 1)[0])
    }
    expect(got).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(a.poll().reduce((sum, { count }) => sum + count, 0)).toBe(20)
    expect(w.near.device.statistics()).toMatchObject({
      txPackets: 21,
      viTxPackets: 40,
      viTxLocalPackets: 20,
      switchInPackets: 20,
      switchViPackets: 20,
      switchMissedPackets: 0,
      switchHostPackets: 0,
    })
  })

  it('is waited for 10 ms, told of what it has missed, and not waited for again', async () => {
    for (let i = 0; i < 5; i++) a.send(50_000, written(udp(pattern(100), macs(A, B))))
    await w.clock.run({ for: 9_900_000 })
    expect(a.poll()).toEqual([])
    await w.clock.run({ for: 200_000 })
    expect(a.poll()).toMatchObject([{ kind: EVENT_TX, count: 5 }])
    expect(w.near.device.statistics().switchMissedPackets).toBe(5)
    expect(b.poll()).toMatchObject([{ kind: EVENT_RX_DISCARD, reason: REASON_NO_DESCRIPTOR, count: 1 }])
    post(b, 1)
    await w.clock.run()
    expect(b.poll()).toMatchObject([{ kind: EVENT_RX_DISCARD, reason: REASON_NO_DESCRIPTOR, count: 4 }])
  })

  it('drop: at once', async () => {
    begin({ nic: { overflow: 'drop' } })
    a.send(50_000, written(udp(pattern(100), macs(A, B))))
    await w.clock.run({ for: 100_000 })
    expect(a.poll()).toMatchObject([{ kind: EVENT_TX, count: 1 }])
    expect(w.near.device.statistics().switchMissedPackets).toBe(1)
  })

  it('a closed or quiet receiver is none: its frames go to the driver domain', async () => {
    w.near.driver.addAddress(B)
    for (let i = 0; i < 3; i++) a.send(50_000, written(udp(pattern(100), macs(A, B))))
    await w.clock.run({ for: 1_000_000 })
    expect(switched.length).toBe(0)
    await w.clock.run({ for: 0 })
    const quiet = b.vi.quiesce(new AbortController().signal)
    await w.clock.run({ for: 100_000 })
    await quiet
    expect(switched.length).toBe(3)
    expect(a.poll().reduce((sum, { count }) => sum + count, 0)).toBe(3)
  })
})

describe('a frame that is to be cut', () => {
  const long = (to: string, length = 20_000) => written(tcp(pattern(length), macs(A, to)))

  function sendCut(guest: RawGuest, at: number, frame: Uint8Array): void {
    guest.put(at, frame)
    guest.postOption(1460, 54, TX_OPTION_TCPV4)
    guest.postTx(at, frame.length)
    guest.ringTx()
  }

  it('reaches a local VI as the segments that the wire would carry', async () => {
    expect(w.near.driver.filters.insert(key(6), b.vi)).toBeTypeOf('object')
    post(b, 20)
    sendCut(a, 65_536, long(B))
    sendCut(a, 65_536 + 24_576, long(FAR))
    await w.clock.run()
    const inside = b.poll().map(({ slot, count }) => b.get((slot % 32) * BUFFER, count))
    expect(inside.length).toBe(14)
    expect(inside.map((bytes) => bytes.subarray(6))).toEqual(w.far.received.map((bytes) => bytes.subarray(6)))
  })

  it('waits in the middle for its receiver, and others go on, also with what has to be cut', async () => {
    expect(w.near.driver.filters.insert(key(6), b.vi)).toBeTypeOf('object')
    const other = new RawGuest(w.near, 3)
    post(b, 3)
    sendCut(a, 65_536, long(B))
    sendCut(other, 65_536, long(FAR))
    other.send(100_000, written(udp(pattern(50), macs(FAR, FAR))))
    await w.clock.run({ for: 1_000_000 })
    expect(w.far.received.length).toBe(15)
    expect(b.poll().length).toBe(3)
    expect(a.poll()).toEqual([])
    post(b, 20)
    await w.clock.run({ for: 1_000_000 })
    expect(b.poll().length).toBe(11)
    expect(a.poll()).toMatchObject([{ kind: EVENT_TX, count: 2 }])
  })

  it('to a group or to its sender makes no sense', async () => {
    sendCut(a, 65_536, long(ALL))
    sendCut(a, 65_536, long(A))
    await w.clock.run()
    expect(a.poll().map(({ kind, reason }) => [kind, reason])).toEqual([
      [EVENT_TX_DISCARD, REASON_MALFORMED],
      [EVENT_TX_DISCARD, REASON_MALFORMED],
    ])
    expect(places()).toEqual({ toA: 0, toB: 0, host: 0, wire: 0 })
  })
})
