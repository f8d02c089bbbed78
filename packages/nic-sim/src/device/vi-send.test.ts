import { describe, expect, it } from 'vitest'
import {
  bufferAddress,
  DOORBELL_EVENT_ARM,
  DOORBELL_RX,
  DOORBELL_TX,
  EVENT_CONTROL,
  EVENT_TX,
  EVENT_TX_DISCARD,
  REASON_CHAIN,
  REASON_LINK,
  REASON_MALFORMED,
  REASON_OVERSIZE,
  REASON_PHASE,
  REASON_RIGHTS,
  TX_CONTINUE,
  TX_OPTION,
  TX_OPTION_TCPV4,
  writeDescriptor,
} from '../constants.js'
import { RawGuest } from '../testing/raw-guest.js'
import { pattern, tcp, udp, written } from '../testing/rig.js'
import { world } from '../testing/world.js'

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

  it('reads no page that was unregistered while a frame was being cut: the rest of it is dropped (MEM-06)', async () => {
    // Each segment takes 8.6 us: after 100 us some have left, and most have not been fetched.
    const w = world({ wire: { gbps: 1 } })
    const payload = pattern(60_000)
    w.guest.put(0, written(tcp(payload, { gsoSize: 1000 })))
    w.guest.postOption(1000, 54, TX_OPTION_TCPV4)
    w.guest.postTx(0, 54 + payload.length)
    w.guest.ringTx()
    await w.clock.run({ for: 100_000 })
    const before = w.guest.vi.hardware.txSegments
    expect(before).toBeGreaterThan(5)
    expect(before).toBeLessThan(30)
    w.guest.vi.unregister(w.guest.index, 64)
    w.guest.put(0, new Uint8Array(64 * 4096).fill(0xee))
    await w.clock.run()
    expect(w.guest.vi.hardware.txSegments).toBe(before)
    expect(w.near.device.drops.frames('nic_tx_rights')).toBe(60 - before)
    expect(w.far.received.length).toBe(before)
    expect(w.far.checksums).toEqual(Array.from({ length: before }, () => 'verified'))
    expect(w.guest.poll().map(({ kind, count }) => [kind, count])).toEqual([[EVENT_TX, 2]])
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
