import type { Page } from '@netaccel/core'
import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import {
  bufferAddress,
  DOORBELL_EVENT_ARM,
  DOORBELL_RX,
  DOORBELL_TX,
  EVENT_CONTROL,
  EVENT_RX,
  EVENT_RX_DISCARD,
  EVENT_TX,
  EVENT_TX_DISCARD,
  REASON_CHAIN,
  REASON_CHECKSUM,
  REASON_CRC,
  REASON_LINK,
  REASON_MALFORMED,
  REASON_NO_DESCRIPTOR,
  REASON_OVERSIZE,
  REASON_PHASE,
  REASON_RIGHTS,
  REASON_TRUNCATED,
  RX_CHECKSUM_BAD,
  RX_CHECKSUM_OK,
  RX_CONTINUED,
  RX_IPV6,
  RX_START,
  RX_TCP,
  RX_UDP,
  TX_CHECKSUM,
  TX_CONTINUE,
  TX_OPTION,
  TX_OPTION_TCPV4,
  writeDescriptor,
} from '../constants.js'
import type { NicDeviceOptions, WireOptions } from '../index.js'
import { Wire } from '../index.js'
import type { GuestSizes } from '../testing/raw-guest.js'
import { RawGuest } from '../testing/raw-guest.js'
import { Host, key, pattern, tcp, udp, written } from '../testing/rig.js'

interface World {
  clock: VirtualClock
  near: Host
  far: Host
  guest: RawGuest
  wire: Wire
}

/** A guest with a VI on `near`, and `far` at the other end of the wire. */
function world(
  options: { wire?: WireOptions; nic?: Partial<NicDeviceOptions>; guest?: GuestSizes } = {},
): World {
  const clock = new VirtualClock()
  const near = new Host(clock, 'near', options.nic)
  const far = new Host(clock, 'far', {}, { rx: 512, tx: 512 })
  const wire = new Wire(options.wire)
  wire.join(near.device, far.device)
  return { clock, near, far, guest: new RawGuest(near, 1, options.guest), wire }
}

const steer = (w: World, protocol: 6 | 17 = 17): void => {
  expect(w.near.driver.filters.insert(key(protocol), w.guest.vi)).toBeTypeOf('object')
}

describe('a VI, sending', () => {
  it('sends a frame of one descriptor and answers with one event when it has left', async () => {
    const w = world()
    const frame = written(udp(pattern(700)))
    w.guest.send(0, frame)
    expect(w.guest.poll()).toEqual([])
    await w.clock.run()
    expect(w.far.received).toEqual([frame])
    expect(w.guest.poll()).toMatchObject([{ kind: EVENT_TX, slot: 0, count: 1 }])
  })

  it('gathers a frame from buffers that cross pages and are posted in pieces', async () => {
    const w = world()
    const frame = written(udp(pattern(1400)))
    w.guest.put(4000, frame.subarray(0, 1000))
    w.guest.put(9000, frame.subarray(1000))
    w.guest.postTx(4000, 1000, TX_CONTINUE)
    w.guest.postTx(9000, frame.length - 1000)
    w.guest.ringTx()
    await w.clock.run()
    expect(w.far.received).toEqual([frame])
    expect(w.guest.poll()).toMatchObject([{ kind: EVENT_TX, slot: 1, count: 2 }])
  })

  it('tells of at most 64 descriptors in one event', async () => {
    const w = world()
    const frame = written(udp(pattern(20)))
    w.guest.put(0, frame)
    for (let i = 0; i < 100; i++) w.guest.postTx(0, frame.length)
    w.guest.ringTx()
    await w.clock.run()
    const events = w.guest.poll()
    expect(events.every((event) => event.kind === EVENT_TX && event.count >= 1 && event.count <= 64)).toBe(
      true,
    )
    expect(events.reduce((sum, event) => sum + event.count, 0)).toBe(100)
    expect(events.at(-1)?.slot).toBe(99)
    expect(w.far.received.length).toBe(100)
  })

  it('fills in a checksum when asked, whatever the field holds, and leaves the buffer alone', async () => {
    const w = world()
    const good = written(udp(pattern(501)))
    const blank = written(udp(pattern(501), { blank: true }))
    w.guest.send(0, blank, true)
    await w.clock.run()
    w.guest.send(0, blank)
    await w.clock.run()
    expect(w.far.received).toEqual([good, blank])
    expect(w.far.checksums).toEqual(['verified', 'none'])
    expect(w.guest.get(0, blank.length)).toEqual(blank)
  })

  it("cuts a frame behind an option descriptor as the driver domain's own is cut", async () => {
    const w = world()
    const payload = pattern(30_000)
    const whole = written(tcp(payload, { gsoSize: 1000 }))
    w.guest.put(100, whole.subarray(0, 54))
    w.guest.put(8192, whole.subarray(54))
    w.guest.postOption(1000, 54, TX_OPTION_TCPV4)
    w.guest.postTx(100, 54, TX_CONTINUE)
    w.guest.postTx(8192, whole.length - 54)
    w.guest.ringTx()
    await w.clock.run()
    const cut = w.far.received.splice(0)
    expect(cut.length).toBe(30)
    expect(w.guest.poll()).toMatchObject([{ kind: EVENT_TX, slot: 2, count: 3 }])
    const near2 = w.near.pool(1, 69_632).take()
    if (near2 === undefined) throw new Error('no frame')
    tcp(payload, { gsoSize: 1000 })(near2)
    w.near.driver.transmit(near2)
    await w.clock.run()
    expect(w.far.received).toEqual(cut)
  })

  it('keeps a frame that is cut whole though the wire fills up in the middle', async () => {
    const w = world({ wire: { slots: 4 } })
    const payload = pattern(40_000)
    const whole = written(tcp(payload, { gsoSize: 500 }))
    w.guest.put(0, whole)
    w.guest.postOption(500, 54, TX_OPTION_TCPV4)
    w.guest.postTx(0, whole.length)
    w.guest.send(50_000, written(udp(pattern(5))))
    // The near driver domain sends between; the pieces stay together in order.
    w.near.send(udp(pattern(6)))
    await w.clock.run()
    const pieces = w.far.received.filter((frame) => frame[23] === 6)
    expect(Uint8Array.from(pieces.flatMap((frame) => [...frame.subarray(54)]))).toEqual(payload)
    expect(w.far.received.length).toBe(82)
    expect(w.wire.lanes[0].pauses).toBeGreaterThan(0)
  })

  const bad: [string, number, (guest: RawGuest) => void][] = [
    ['no length', REASON_MALFORMED, (g) => g.postTx(0, 0)],
    ['a frame of 13 bytes', REASON_MALFORMED, (g) => g.postTx(0, 13)],
    [
      'an option alone',
      REASON_MALFORMED,
      (g) =>
        writeDescriptor(g.txRing[0].view, 0, 512, g.txProducer++, 1000 | (54 << 16) | (1 << 24), TX_OPTION),
    ],
    ['a frame above the MTU', REASON_OVERSIZE, (g) => g.postTx(0, 1515)],
    [
      'a page of nobody',
      REASON_RIGHTS,
      (g) => writeDescriptor(g.txRing[0].view, 0, 512, g.txProducer++, bufferAddress(60_000, 0), 100),
    ],
    ['entry 0', REASON_RIGHTS, (g) => writeDescriptor(g.txRing[0].view, 0, 512, g.txProducer++, 0, 100)],
    ['bytes beyond the last page', REASON_RIGHTS, (g) => g.postTx(64 * 4096 - 10, 60)],
    ['a descriptor of another lap', REASON_PHASE, (g) => g.txProducer++],
    ['an mss of 0', REASON_MALFORMED, (g) => (g.postOption(0, 54, 1), g.postTx(0, 100))],
    [
      'headers of another length',
      REASON_MALFORMED,
      (g) => (
        g.put(0, written(tcp(pattern(3000), { gsoSize: 100 }))),
        g.postOption(100, 50, 1),
        g.postTx(0, 3054)
      ),
    ],
    [
      'segments above the MTU',
      REASON_OVERSIZE,
      (g) => (
        g.put(0, written(tcp(pattern(3000), { gsoSize: 1461 }))),
        g.postOption(1461, 54, 1),
        g.postTx(0, 3054)
      ),
    ],
    [
      'a kind of cutting that is none',
      REASON_MALFORMED,
      (g) => (g.postOption(100, 54, 3), g.postTx(0, 3054)),
    ],
    [
      'an option in the middle',
      REASON_MALFORMED,
      (g) => (g.postTx(0, 60, TX_CONTINUE), g.postOption(100, 54, 1), g.postTx(0, 60)),
    ],
  ]
  it.each(bad)('discards %s with its reason, sends nothing, and goes on', async (_, reason, post) => {
    const w = world()
    post(w.guest)
    const posted = w.guest.txProducer
    w.guest.ringTx()
    await w.clock.run()
    expect(w.guest.poll()).toMatchObject([
      { kind: EVENT_TX_DISCARD, reason, count: posted, slot: posted - 1 },
    ])
    expect(w.far.received).toEqual([])
    const frame = written(udp(pattern(60)))
    w.guest.send(0, frame)
    await w.clock.run()
    expect(w.guest.poll()).toMatchObject([{ kind: EVENT_TX, slot: posted, count: 1 }])
    expect(w.far.received).toEqual([frame])
  })

  it('throws a chain that is too long away whole, also when it comes in parts', async () => {
    const w = world()
    const frame = written(udp(pattern(60)))
    w.guest.put(0, frame)
    for (let i = 0; i < 90; i++) w.guest.postTx(0, frame.length, TX_CONTINUE)
    w.guest.ringTx()
    await w.clock.run()
    for (let i = 0; i < 9; i++) w.guest.postTx(0, frame.length, TX_CONTINUE)
    w.guest.postTx(0, frame.length)
    w.guest.postTx(0, frame.length)
    w.guest.ringTx()
    await w.clock.run()
    const events = w.guest.poll()
    expect(events.map(({ kind, reason, count }) => [kind, reason, count])).toEqual([
      [EVENT_TX_DISCARD, REASON_CHAIN, 64],
      [EVENT_TX_DISCARD, REASON_CHAIN, 26],
      [EVENT_TX_DISCARD, REASON_CHAIN, 10],
      [EVENT_TX, 0, 1],
    ])
    expect(w.far.received).toEqual([frame])
  })

  it('waits for the rest of a frame whose last descriptor is not rung yet', async () => {
    const w = world()
    const frame = written(udp(pattern(100)))
    w.guest.put(0, frame)
    w.guest.postTx(0, 50, TX_CONTINUE)
    w.guest.ringTx()
    await w.clock.run()
    expect(w.guest.poll()).toEqual([])
    w.guest.postTx(50, frame.length - 50)
    w.guest.ringTx()
    await w.clock.run()
    expect(w.far.received).toEqual([frame])
  })

  it('says so when the link is down', async () => {
    const w = world()
    w.wire.setLink(false)
    w.guest.send(0, written(udp(pattern(10))))
    await w.clock.run()
    expect(w.guest.poll()).toMatchObject([{ kind: EVENT_TX_DISCARD, reason: REASON_LINK }])
  })

  it('ignores doorbells out of range, and tells', async () => {
    const w = world()
    w.guest.doorbell.write32(DOORBELL_TX, 513)
    w.guest.doorbell.write32(DOORBELL_RX, 0xffffffff)
    w.guest.doorbell.write32(DOORBELL_EVENT_ARM, 5)
    w.guest.doorbell.write32(0x40, 1)
    await w.clock.run()
    // The NIC reads TX in one poller and the others in the next.
    expect(w.guest.poll().map(({ kind, word0, word1 }) => [kind, word0, (word1 >>> 8) & 0xff])).toEqual([
      [EVENT_CONTROL, 513, DOORBELL_TX],
      [EVENT_CONTROL, 0xffffffff, DOORBELL_RX],
      [EVENT_CONTROL, 5, DOORBELL_EVENT_ARM],
    ])
    expect(w.guest.vi.hardware.badDoorbells).toBe(3)
  })

  it('goes round rings and event queue many times, and past the wrap of 2^32', async () => {
    const w = world({ guest: { events: 64, tx: 64, rx: 64 } })
    const start = 0xffffff80
    const { hardware } = w.guest.vi
    // The rings are begun near the wrap: phases of this lap are those of index 0.
    hardware.txConsumer = start
    hardware.txProducer = start
    w.guest.txProducer = start
    const sent: Uint8Array[] = []
    for (let i = 0; i < 300; i++) {
      const frame = written(udp(pattern(30, i)))
      sent.push(frame)
      w.guest.put(0, frame)
      const index = w.guest.txProducer
      writeDescriptor(w.guest.txRing[0].view, 0, 64, index, w.guest.address(0), frame.length)
      w.guest.txProducer = (index + 1) >>> 0
      w.guest.ringTx()
      await w.clock.run()
      expect(w.guest.poll()).toMatchObject([{ kind: EVENT_TX, slot: index & 63, count: 1 }])
    }
    expect(w.far.received).toEqual(sent)
  })

  it('stops when its event queue is full and goes on when slots are given back; others do not notice', async () => {
    const w = world({ guest: { events: 64, tx: 64, rx: 64 } })
    const other = new RawGuest(w.near, 2)
    const frame = written(udp(pattern(30)))
    w.guest.put(0, frame)
    other.put(0, frame)
    for (let i = 0; i < 70; i++) {
      w.guest.postTx(0, frame.length)
      w.guest.ringTx()
      await w.clock.run()
    }
    expect(w.far.received.length).toBe(63)
    other.send(0, frame)
    await w.clock.run()
    expect(w.far.received.length).toBe(64)
    expect(w.guest.poll().length).toBe(63)
    await w.clock.run()
    expect(w.far.received.length).toBe(71)
  })
})

describe('a VI, receiving', () => {
  it('hit: the frame lies in the posted buffer, events say how long and checked; miss: the driver domain has it', async () => {
    const w = world()
    steer(w)
    w.guest.postRx(0, 2048)
    w.guest.postRx(2048, 2048)
    w.guest.ringRx()
    await w.clock.run()
    const hit = udp(pattern(300))
    const miss = udp(pattern(301), { destinationPort: 2001 })
    w.far.send(hit)
    w.far.send(miss)
    w.far.send(tcp(pattern(302)))
    await w.clock.run()
    const [event, ...rest] = w.guest.poll()
    expect(rest).toEqual([])
    expect(event).toMatchObject({ kind: EVENT_RX, slot: 0, count: 342 })
    expect(event.word1 & 0xff).toBe(RX_START | RX_CHECKSUM_OK | RX_UDP)
    expect(w.guest.get(0, 342)).toEqual(written(hit))
    expect(w.near.received).toEqual([written(miss), written(tcp(pattern(302)))])
  })

  it('lays a long frame into several buffers, lengths add up', async () => {
    const w = world()
    steer(w, 6)
    for (let i = 0; i < 4; i++) w.guest.postRx(4096 * i + 3500, 600)
    w.guest.ringRx()
    const frame = tcp(pattern(1400))
    w.far.send(frame)
    await w.clock.run()
    const events = w.guest.poll()
    expect(events.map(({ kind, slot, count }) => [kind, slot, count])).toEqual([
      [EVENT_RX, 0, 600],
      [EVENT_RX, 1, 1200],
      [EVENT_RX, 2, 1454],
    ])
    expect(events.map(({ word1 }) => word1 & 0xff)).toEqual([
      RX_START | RX_CONTINUED,
      RX_CONTINUED,
      RX_CHECKSUM_OK | RX_TCP,
    ])
    const joined = [0, 1, 2].flatMap((i) => [...w.guest.get(4096 * i + 3500, i === 2 ? 254 : 600)])
    expect(Uint8Array.from(joined)).toEqual(written(frame))
  })

  it('marks a wrong checksum, or discards the frame if told to', async () => {
    for (const badChecksum of ['deliver', 'discard'] as const) {
      const w = world({ nic: { badChecksum } })
      steer(w)
      w.guest.postRx(0, 2048)
      w.guest.ringRx()
      w.far.send((frame) => {
        udp(pattern(40))(frame)
        frame.bytes[frame.offset + 50] ^= 4
      })
      await w.clock.run()
      const [event] = w.guest.poll()
      if (badChecksum === 'deliver') expect(event.word1 & 0xff).toBe(RX_START | RX_CHECKSUM_BAD | RX_UDP)
      else expect(event).toMatchObject({ kind: EVENT_RX_DISCARD, reason: REASON_CHECKSUM, count: 1 })
    }
  })

  it('steers IPv6 too', async () => {
    const w = world()
    const ip = Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? 0x20 : i))
    const destination = '2001:203:405:607:809:a0b:c0d:e0f'
    expect(
      w.near.driver.filters.insert({ protocol: 17, destination, destinationPort: 2000 }, w.guest.vi),
    ).toBeTypeOf('object')
    w.guest.postRx(0, 2048)
    w.guest.ringRx()
    w.far.send(udp(pattern(40), { source: ip, destination: ip }))
    await w.clock.run()
    expect(w.guest.poll().map(({ word1 }) => word1 & 0xff)).toEqual([
      RX_START | RX_CHECKSUM_OK | RX_UDP | RX_IPV6,
    ])
  })

  it('a foreign or stale buffer gives an owner-rights event and no byte moves (MEM-06)', async () => {
    const w = world()
    const victim = new RawGuest(w.near, 2)
    const before = victim.extent.bytes.slice()
    steer(w)
    writeDescriptor(w.guest.rxRing[0].view, 0, 512, 0, victim.address(100), 2048)
    writeDescriptor(w.guest.rxRing[0].view, 0, 512, 1, w.guest.address(0), 2048)
    w.guest.rxProducer = 2
    w.guest.ringRx()
    w.far.send(udp(pattern(99)))
    await w.clock.run()
    expect(w.guest.poll()).toMatchObject([
      { kind: EVENT_RX_DISCARD, reason: REASON_RIGHTS, slot: 0, count: 1 },
    ])
    w.guest.vi.unregister(w.guest.index, 64)
    const own = w.guest.get(0, 2048)
    w.far.send(udp(pattern(99)))
    await w.clock.run()
    expect(w.guest.poll()).toMatchObject([
      { kind: EVENT_RX_DISCARD, reason: REASON_RIGHTS, slot: 1, count: 1 },
    ])
    expect(victim.extent.bytes.slice()).toEqual(before)
    expect(w.guest.get(0, 2048)).toEqual(own)
  })

  it('discards what needs more than eight buffers, and a descriptor of another lap', async () => {
    const w = world()
    steer(w)
    for (let i = 0; i < 9; i++) w.guest.postRx(i * 100, 10)
    w.guest.ringRx()
    w.far.send(udp(pattern(500)))
    await w.clock.run()
    expect(w.guest.poll()).toMatchObject([
      { kind: EVENT_RX_DISCARD, reason: REASON_TRUNCATED, slot: 0, count: 8 },
    ])
    w.guest.doorbell.write32(DOORBELL_RX, 12)
    w.far.send(udp(pattern(3)))
    await w.clock.run()
    expect(w.guest.poll()).toMatchObject([
      { kind: EVENT_RX_DISCARD, reason: REASON_PHASE, slot: 8, count: 2 },
    ])
  })

  it('tells of a frame that the wire garbled', async () => {
    const w = world({ wire: { corrupt: 1 } })
    expect(w.near.driver.filters.insert({ mac: '00:16:3e:00:00:01' }, w.guest.vi)).toBeTypeOf('object')
    for (let i = 0; i < 20; i++) w.guest.postRx(i * 2048, 2048)
    w.guest.ringRx()
    for (let i = 0; i < 20; i++) w.far.send(udp(pattern(1000, i)))
    await w.clock.run()
    const events = w.guest.poll()
    expect(new Set(events.map(({ kind, reason }) => `${kind} ${reason}`))).toEqual(
      new Set([`${EVENT_RX_DISCARD} ${REASON_CRC}`]),
    )
    // A garbled address may miss the filter: the driver domain then counts it.
    expect(events.length + w.near.device.drops.frames('wire_corrupt')).toBe(20)
    expect(w.near.received).toEqual([])
  })
})

describe('no descriptor', () => {
  it('wait: the wire is held up and nothing is lost', async () => {
    const w = world({ wire: { slots: 8 } })
    steer(w)
    for (let i = 0; i < 40; i++) w.far.send(udp(pattern(64, i)))
    await w.clock.run({ for: 1_000_000 })
    expect(w.wire.lanes[1].sent).toBe(8)
    for (let i = 0; i < 40; i++) w.guest.postRx(i * 2048, 2048)
    w.guest.ringRx()
    await w.clock.run()
    expect(w.guest.poll().length).toBe(40)
    expect(w.near.device.statistics().pauses).toBe(1)
    expect(Array.from({ length: 40 }, (_, i) => w.guest.get(i * 2048, 106))).toEqual(
      Array.from({ length: 40 }, (_, i) => written(udp(pattern(64, i)))),
    )
  })

  it('the watchdog ends the pause after 10 ms; from then on the VI is not waited for until it posts 64', async () => {
    const w = world()
    steer(w)
    for (let i = 0; i < 30; i++) w.far.send(udp(pattern(64, i)))
    w.far.send(udp(pattern(1), { destinationPort: 7 }))
    const start = w.clock.now()
    await w.clock.run({ for: 9_900_000 })
    expect(w.near.received).toEqual([])
    await w.clock.run()
    expect(w.clock.now() - start).toBeGreaterThan(10_000_000)
    expect(w.clock.now() - start).toBeLessThan(10_500_000)
    expect(w.near.received.length).toBe(1)
    expect(w.near.device.statistics()).toMatchObject({ pauses: 1, pauseTimeouts: 1 })
    // One event at once for the first, one for the rest when room is shown.
    w.guest.postRx(0, 2048)
    w.guest.ringRx()
    await w.clock.run()
    expect(w.guest.poll()).toMatchObject([
      { kind: EVENT_RX_DISCARD, reason: REASON_NO_DESCRIPTOR, count: 1 },
      { kind: EVENT_RX_DISCARD, reason: REASON_NO_DESCRIPTOR, count: 29 },
    ])
  })

  it('drop: at once, as the original hardware', async () => {
    const w = world({ nic: { overflow: 'drop' } })
    steer(w)
    for (let i = 0; i < 30; i++) w.far.send(udp(pattern(64, i)))
    await w.clock.run()
    expect(w.clock.now()).toBeLessThan(1_000_000)
    w.guest.ringRx()
    await w.clock.run()
    expect(w.guest.poll().reduce((sum, event) => sum + event.count, 0)).toBe(30)
  })
})

describe('waking', () => {
  it('an armed queue wakes once for the next event of any kind', async () => {
    const w = world()
    w.guest.poll(true)
    await w.clock.run()
    expect(w.guest.wakes).toBe(0)
    w.guest.send(0, written(udp(pattern(10))))
    await w.clock.run()
    w.guest.send(0, written(udp(pattern(10))))
    await w.clock.run()
    expect(w.guest.wakes).toBe(1)
    w.guest.poll(true)
    await w.clock.run()
    w.guest.postTx(0, 0)
    w.guest.ringTx()
    await w.clock.run()
    expect(w.guest.wakes).toBe(2)
  })

  it('an event between the last look and arming wakes at once', async () => {
    const w = world()
    steer(w)
    w.guest.postRx(0, 2048)
    w.guest.ringRx()
    await w.clock.run()
    expect(w.guest.poll()).toEqual([])
    w.far.send(udp(pattern(10)))
    await w.clock.run()
    expect(w.guest.wakes).toBe(0)
    w.guest.doorbell.write32(DOORBELL_EVENT_ARM, w.guest.eventRead)
    await w.clock.run()
    expect(w.guest.wakes).toBe(1)
    expect(w.guest.poll().length).toBe(1)
  })

  it('no order of send, look and arm leaves an event unseen with nobody woken', async () => {
    // Interleavings: the arming write lands before, between and after the NIC's own steps.
    for (let cut = 0; cut < 60; cut++) {
      const w = world()
      w.guest.send(0, written(udp(pattern(10))))
      let steps = 0
      await w.clock.run({ until: () => steps++ >= cut })
      const seen = w.guest.poll(true).length
      await w.clock.run()
      expect(seen + w.guest.wakes).toBe(1)
    }
  })
})

describe('quiesce and the end of a VI', () => {
  it('afterwards it neither reads nor writes (MEM-07), and its filters match nothing', async () => {
    const w = world()
    steer(w)
    for (let i = 0; i < 100; i++) w.guest.postRx((i % 30) * 2048, 2048)
    w.guest.ringRx()
    const frame = written(udp(pattern(100)))
    w.guest.put(61_440, frame)
    for (let i = 0; i < 100; i++) {
      w.guest.postTx(61_440, frame.length)
      w.far.send(udp(pattern(100, i)))
    }
    w.guest.ringTx()
    let steps = 0
    await w.clock.run({ until: () => steps++ > 12 })
    await w.guest.vi.quiesce(new AbortController().signal)
    const sent = w.wire.lanes[0].sent
    const memory = w.near.machine.bytes.slice(
      w.guest.extent.base,
      w.guest.extent.base + w.guest.extent.length,
    )
    const rings = w.near.extent.bytes.slice(w.guest.rings.offset, w.guest.rings.offset + w.guest.rings.length)
    w.guest.ringTx()
    w.guest.ringRx()
    for (let i = 0; i < 50; i++) w.far.send(udp(pattern(100, i)))
    await w.clock.run()
    expect(
      w.near.machine.bytes.slice(w.guest.extent.base, w.guest.extent.base + w.guest.extent.length),
    ).toEqual(memory)
    expect(
      w.near.extent.bytes.slice(w.guest.rings.offset, w.guest.rings.offset + w.guest.rings.length),
    ).toEqual(rings)
    expect(w.wire.lanes[0].sent).toBe(sent)
    const events = w.guest.poll().filter(({ kind }) => kind === EVENT_RX).length
    expect(events).toBeGreaterThan(0)
    expect(events + w.near.received.length).toBe(150)
  })

  it('lets a frame that leaves in pieces leave, and an abort cuts it short', async () => {
    for (const aborted of [false, true]) {
      const w = world({ wire: { gbps: 0.1 } })
      const whole = written(tcp(pattern(40_000), { gsoSize: 1000 }))
      w.guest.put(0, whole)
      w.guest.postOption(1000, 54, TX_OPTION_TCPV4)
      w.guest.postTx(0, whole.length)
      w.guest.ringTx()
      await w.clock.run({ for: 300_000 })
      const abort = new AbortController()
      let quiet = false
      void w.guest.vi.quiesce(abort.signal).then(() => (quiet = true))
      await w.clock.run({ for: 10_000 })
      expect(quiet).toBe(false)
      if (aborted) abort.abort()
      await w.clock.run()
      expect(quiet).toBe(true)
      const lost = w.near.device.drops.frames('nic_tx_closed')
      expect(w.far.received.length + lost).toBe(40)
      expect(lost > 0).toBe(aborted)
      expect(w.guest.poll().length).toBe(aborted ? 0 : 1)
    }
  })

  it('close takes buffers, filters, doorbell and number back', async () => {
    const w = world()
    steer(w)
    const { buffers, filters } = w.near.device
    expect([buffers.used, filters.used]).toEqual([64, 1])
    w.guest.vi.close()
    expect([buffers.used, filters.used]).toEqual([0, 0])
    expect(w.near.machine.io.find(w.guest.vi.hardware.doorbell as never)).toBeUndefined()
    expect(w.guest.vi.register([])).toBeLessThan(0)
    const next = new RawGuest(w.near, 2)
    expect(next.vi.id).toBe(w.guest.vi.id)
    w.guest.ringTx()
    await w.clock.run()
    expect(next.poll()).toEqual([])
  })

  it('after a reset the VIs of before are dead and new ones work', async () => {
    const w = world()
    steer(w)
    w.guest.send(0, written(udp(pattern(10))))
    w.near.driver.reset()
    expect(w.near.driver.filters.insert(key(17), w.guest.vi)).toBe('closed')
    await w.clock.run()
    w.guest.ringTx()
    await w.clock.run()
    expect(w.guest.poll()).toEqual([])
    expect(w.far.received).toEqual([])
    const next = new RawGuest(w.near, 2)
    next.send(0, written(udp(pattern(11))))
    await w.clock.run()
    expect(w.far.received.length).toBe(1)
  })
})

describe('creating and registering', () => {
  it('refuses capacities and pages that do not fit, and more VIs than there are', () => {
    const { near } = world({ nic: { vis: 2 } })
    const rings = { ...near.extent.allocPages(4), pages: [] as Page[] }
    const request = { owner: 1, events: 1024, tx: 512, rx: 512, rings }
    expect(near.driver.vis.create(request)).toBe('unsupported')
    const full = { ...near.extent.allocPages(4) } as never
    expect(near.driver.vis.create({ ...request, rings: full, tx: 500 })).toBe('unsupported')
    expect(near.driver.vis.create({ ...request, rings: full })).toBeTypeOf('object')
    expect(near.driver.vis.create({ ...request, rings: full })).toBe('none-left')
  })

  it("registers only pages of the VI's owner", () => {
    const w = world()
    const victim = new RawGuest(w.near, 2)
    const base = victim.extent.base / 4096
    expect(w.guest.vi.register([(0x200000 + base) as Page])).toBe(-3)
    expect(w.guest.vi.register([5 as Page])).toBe(-3)
    expect(w.guest.vi.register([(0x200000 + w.guest.extent.base / 4096) as Page])).toBeGreaterThan(0)
  })

  it('leaves TX_CHECKSUM frames that are neither TCP nor UDP as they are', async () => {
    const w = world()
    const frame = pattern(60)
    w.guest.put(0, frame)
    w.guest.postTx(0, 60, TX_CHECKSUM)
    w.guest.ringTx()
    await w.clock.run()
    expect(w.far.received).toEqual([frame])
  })
})
