import { describe, expect, it } from 'vitest'
import {
  DOORBELL_RX,
  EVENT_RX,
  EVENT_RX_DISCARD,
  REASON_CHECKSUM,
  REASON_CRC,
  REASON_NO_DESCRIPTOR,
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
  writeDescriptor,
} from '../constants.js'
import { RawGuest } from '../testing/raw-guest.js'
import { pattern, tcp, udp, written } from '../testing/rig.js'
import { steer, world } from '../testing/world.js'

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
