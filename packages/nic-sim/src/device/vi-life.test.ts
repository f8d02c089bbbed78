import type { Page } from '@netaccel/core'
import { describe, expect, it } from 'vitest'
import { DOORBELL_EVENT_ARM, EVENT_RX, TX_CHECKSUM, TX_OPTION_TCPV4 } from '../constants.js'
import { RawGuest } from '../testing/raw-guest.js'
import { key, pattern, tcp, udp, written } from '../testing/rig.js'
import { steer, world } from '../testing/world.js'

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

  it('counts the received frames that its guest has not said that it has read', async () => {
    const w = world()
    steer(w)
    for (let i = 0; i < 10; i++) w.guest.postRx(i * 2048, 1000)
    w.guest.ringRx()
    for (const length of [100, 1400]) w.far.send(udp(pattern(length)))
    await w.clock.run()
    w.guest.poll()
    await w.clock.run()
    // One of them in two buffers, so with two events.
    for (const length of [100, 1400, 100]) w.far.send(udp(pattern(length)))
    await w.clock.run()
    expect(w.near.device.statistics()).toMatchObject({ viRxPackets: 5, viRxUnreadPackets: 0 })
    await w.guest.vi.quiesce(new AbortController().signal)
    w.guest.vi.close()
    expect(w.near.device.statistics().viRxUnreadPackets).toBe(3)
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

  it('makes no VI whose address the switch cannot hold, and takes nobody else out of its table', () => {
    const { near } = world({ nic: { vis: 2 } })
    const address = (i: number) =>
      `00:16:3e:01:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`
    // One of the 1,024 is the NIC's own.
    for (let i = 0; i < 1023; i++) near.driver.addAddress(address(i))
    const rings = { ...near.extent.allocPages(4) } as never
    const request = { owner: 1, events: 1024, tx: 512, rx: 512, rings }
    expect(near.driver.vis.create({ ...request, mac: '00:16:3e:00:00:01' })).toBe('none-left')
    expect(() => near.driver.addAddress('00:16:3e:00:00:01')).toThrow(/holds no more addresses/)
    // One that stands there already needs no place.
    const vi = near.driver.vis.create({ ...request, mac: address(7) })
    if (typeof vi === 'string') throw new Error(vi)
    vi.close()
    near.driver.removeAddress(address(8))
    expect(near.driver.vis.create({ ...request, mac: '00:16:3e:00:00:01' })).toBeTypeOf('object')
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
