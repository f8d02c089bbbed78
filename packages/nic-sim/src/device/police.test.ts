import { parseMac } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { EVENT_TX, TX_OPTION_TCPV4 } from '../constants.js'
import type { NicDeviceOptions } from '../index.js'
import { NicDevice } from '../index.js'
import { RawGuest } from '../testing/raw-guest.js'
import { Host, pattern, tcp, udp, written } from '../testing/rig.js'
import type { World } from '../testing/world.js'
import { world } from '../testing/world.js'

const MAC = '00:0f:53:00:00:01'
const OTHER = parseMac('00:16:3e:00:00:99')

const policed = (police: NicDeviceOptions['police']): World => world({ nic: { police }, guest: { mac: MAC } })

describe('a NIC that polices source addresses', () => {
  it('drops and counts what a VI sends under another address; the sender is not told', async () => {
    const w = policed({ sourceMac: true })
    w.guest.send(0, written(udp(pattern(100), { sourceMac: OTHER })))
    w.guest.send(2048, written(udp(pattern(101))))
    await w.clock.run()
    expect(w.far.received).toEqual([written(udp(pattern(101)))])
    expect(w.near.device.drops.entries()).toMatchObject([
      { reason: 'nic_vi_spoofed', segments: 1, bytes: 142 },
    ])
    expect(w.guest.poll().map(({ kind, count }) => [kind, count])).toEqual([[EVENT_TX, 2]])
  })

  it('counts a frame that is to be cut as its segments, and goes on', async () => {
    const w = policed({ sourceMac: true })
    const forged = written(tcp(pattern(5000), { sourceMac: OTHER }))
    w.guest.put(0, forged)
    w.guest.postOption(1460, 54, TX_OPTION_TCPV4)
    w.guest.postTx(0, forged.length)
    w.guest.send(8192, written(udp(pattern(9))))
    await w.clock.run()
    expect(w.far.received).toEqual([written(udp(pattern(9)))])
    const bytes = 5000 + 4 * 54
    expect(w.near.device.drops.entries()).toMatchObject([{ reason: 'nic_vi_spoofed', segments: 4, bytes }])
    expect(w.guest.poll().reduce((sum, { count }) => sum + count, 0)).toBe(3)
  })

  it('leaves alone the driver domain, VIs of which it knows no address, and everybody by default', async () => {
    const w = policed({ sourceMac: true })
    const stranger = new RawGuest(w.near, 2)
    const forged = udp(pattern(50), { sourceMac: OTHER })
    stranger.send(0, written(forged))
    w.near.send(forged)
    const free = world({ guest: { mac: MAC } })
    free.guest.send(0, written(forged))
    await w.clock.run()
    await free.clock.run()
    expect(w.far.received).toEqual([written(forged), written(forged)])
    expect(free.far.received).toEqual([written(forged)])
  })
})

describe('a NIC that polices the rate of VIs', () => {
  /** Frames of 1,000 bytes at the far end after `ns`, when `count` stand in the VI's ring from the start. */
  async function sent(police: NicDeviceOptions['police'], count: number, ns: number): Promise<World> {
    const w = policed(police)
    const frame = written(udp(pattern(958)))
    w.guest.put(0, frame)
    for (let i = 0; i < count; i++) w.guest.postTx(0, frame.length)
    w.guest.ringTx()
    await w.clock.run({ for: ns })
    return w
  }

  it('lets the burst go at once, then so many bits in a time; nothing is lost', async () => {
    // 80 Mb/s are 10 bytes a microsecond; four frames of burst and the one that goes into debt.
    const police = { mbps: 80, burstBytes: 4500 }
    expect((await sent(police, 200, 40_000)).far.received.length).toBe(5)
    expect((await sent(police, 200, 10_000_000)).far.received.length).toBe(105)
    const all = await sent(police, 200, 30_000_000)
    expect(all.far.received.length).toBe(200)
    expect(all.near.device.drops.total).toBe(0)
    // It has been silent for longer than its bucket takes to fill: another burst.
    const frame = written(udp(pattern(958)))
    for (let i = 0; i < 20; i++) all.guest.postTx(0, frame.length)
    all.guest.ringTx()
    await all.clock.run({ for: 40_000 })
    expect(all.far.received.length).toBe(205)
  })

  it('each VI has its own tokens, and the driver domain needs none', async () => {
    const w = policed({ mbps: 8, burstBytes: 500 })
    const other = new RawGuest(w.near, 2)
    const frame = written(udp(pattern(958)))
    for (const guest of [w.guest, other]) {
      guest.put(0, frame)
      for (let i = 0; i < 10; i++) guest.postTx(0, frame.length)
      guest.ringTx()
    }
    for (let i = 0; i < 30; i++) w.near.send(udp(pattern(40, i)))
    await w.clock.run({ for: 100_000 })
    expect(w.far.received.filter((bytes) => bytes.length < 100).length).toBe(30)
    expect(w.far.received.filter((bytes) => bytes.length === 1000).length).toBe(2)
    await w.clock.run({ for: 20_000_000 })
    expect(w.far.received.length).toBe(50)
  })

  it('a frame that is to be cut is paid for whole', async () => {
    const w = policed({ mbps: 80, burstBytes: 1000 })
    const long = written(tcp(pattern(9946)))
    w.guest.put(0, long)
    for (let i = 0; i < 2; i++) {
      w.guest.postOption(1460, 54, TX_OPTION_TCPV4)
      w.guest.postTx(0, long.length)
    }
    w.guest.ringTx()
    await w.clock.run({ for: 890_000 })
    expect(w.far.received.length).toBe(7)
    await w.clock.run({ for: 20_000 })
    expect(w.far.received.length).toBe(14)
  })

  it.each([{ mbps: -1 }, { mbps: Infinity }, { burstBytes: 0 }])('refuses %o', (police) => {
    const { bus, device } = new Host(policed({}).clock, 'third')
    const { engine } = device
    expect(() => new NicDevice({ name: 'eth1', engine, bus, mac: MAC, police })).toThrow(/cannot police to/)
  })
})
