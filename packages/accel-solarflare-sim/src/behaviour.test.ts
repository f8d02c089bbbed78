// What the pair does while it is attached: which frames go where, and what changes that.
import { describe, expect, it } from 'vitest'
import { parseIp, parseMac, writeArp } from '@netaccel/packet'
import { LocalSender } from './testing/local-sender.js'
import { MIXED, TCP_ONLY, TwoHosts, twoHosts } from './testing/two-hosts.js'

const SLOW_ONLY = { tcp: 0, tcp6: 0.4, udp: 0, icmp: 0.4, arp: 0.2 }
const UDP_ONLY = { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 }

async function attached(seed = 1): Promise<TwoHosts> {
  const pair = await TwoHosts.make(twoHosts(seed))
  await pair.load()
  return pair
}

/** Puts a broadcast ARP frame onto the bridge of a host, as a local sender would. */
function announce(pair: TwoHosts, host: string, mac: string, operation: number, gratuitous: boolean): void {
  new LocalSender(pair, host).send((frame) =>
    writeArp(frame, {
      sourceMac: parseMac(mac),
      destinationMac: parseMac('ff:ff:ff:ff:ff:ff'),
      operation,
      senderIp: parseIp('10.0.0.2'),
      targetIp: parseIp(gratuitous ? '10.0.0.2' : '10.0.0.9'),
    }),
  )
}

describe('which frames go past the bridge', () => {
  it('scenario 20: never ICMP, ARP or IPv6', async () => {
    const pair = await attached()
    pair.start(8, SLOW_ONLY)
    await pair.for(10)
    expect(pair.counts().fast).toBe(0)
    expect(pair.counts().slow).toBeGreaterThan(100)
    expect(pair.world.status().filters).toBe(0)
    expect(await pair.settle()).toEqual([])
    await pair.world.close()
  })

  it('scenario 21: UDP too, once each side has heard of the other by its NIC', async () => {
    const pair = await attached()
    pair.start(4, UDP_ONLY)
    await pair.for(5)
    const from = pair.counts()
    await pair.for(10)
    expect(pair.fastShare(from)).toBeGreaterThan(0.9)
    expect(pair.counters('a', 'backend')).toMatchObject({ num_filters: 4, filters_inserted: 4 })
    expect(await pair.settle()).toEqual([])
    await pair.world.close()
  })

  it('sends without a copy, by as many descriptors as it says', async () => {
    const pair = await attached()
    pair.start(6, TCP_ONLY)
    await pair.for(10)
    const [{ tx }] = pair.world.status().vifs
    await pair.unload()
    await pair.load()
    expect(tx.fast.bytes).toBeGreaterThan(100_000)
    expect(tx.fast.segments).toBeGreaterThan(tx.fast.frames)
    expect(await pair.settle()).toEqual([])
    await pair.world.close()
  })

  it('scenario 20: a 9th port gets no filter while eight carry traffic', async () => {
    const pair = await attached()
    pair.start(12, UDP_ONLY)
    await pair.for(30)
    expect(pair.world.status().filters).toBe(16)
    const { filters_evicted, filters_refused, num_filters } = pair.counters('a', 'backend')
    expect([filters_evicted, num_filters]).toEqual([0, 8])
    expect(filters_refused).toBeGreaterThan(0)
    expect(await pair.settle()).toEqual([])
    await pair.world.close()
  })
})

describe('what changes it', () => {
  it('scenario 21: an address that shows itself on this host goes slow again: ARP replies, and requests for its own address', async () => {
    for (const [operation, gratuitous] of [
      [2, false],
      [1, true],
    ] as const) {
      const pair = await attached()
      pair.start(4, UDP_ONLY)
      await pair.for(5)
      const before = pair.counters('a', 'frontend')
      expect(before['macs_removed']).toBe(0)
      for (const stack of pair.stacks) stack.stop()
      await pair.for(5)
      announce(pair, 'a', '00:16:3e:00:00:02', operation, gratuitous)
      await pair.for(1)
      expect(pair.counters('a', 'frontend')['macs_removed']).toBe(1)
      expect(pair.counters('a', 'backend')['local_macs']).toBe(1)
      await pair.world.close()
    }
  })

  it('a plain ARP request does not', async () => {
    const pair = await attached()
    pair.start(4, UDP_ONLY)
    await pair.for(5)
    announce(pair, 'a', '00:16:3e:00:00:02', 1, false)
    await pair.for(5)
    expect(pair.counters('a', 'backend')['local_macs']).toBe(0)
    await pair.world.close()
  })

  it('LC-03: link down, the fast path is left alone; link up, it is used again', async () => {
    const pair = await attached()
    pair.start(4, UDP_ONLY)
    await pair.for(5)
    const device = pair.world.host('a').nics.get('eth0')?.device
    device?.carrier(false)
    await pair.for(1)
    const down = pair.world.vif('a.guest1.vif0').meter.tx.fast.frames
    await pair.for(5)
    expect(pair.world.vif('a.guest1.vif0').meter.tx.fast.frames).toBe(down)
    device?.carrier(true)
    await pair.for(5)
    expect(pair.world.vif('a.guest1.vif0').meter.tx.fast.frames).toBeGreaterThan(down)
    expect(pair.phases()).toEqual(['active', 'active'])
    for (const stack of pair.stacks) stack.stop()
    await pair.unload()
    await pair.world.close()
  })

  it("TX-12: frames above the port's MTU are declined, also after it was lowered", async () => {
    const pair = await attached()
    pair.start(4, UDP_ONLY)
    await pair.for(5)
    pair.world.host('a').nics.get('eth0')?.driver.setMtu(600)
    await pair.for(1)
    const { fast } = pair.world.vif('a.guest1.vif0').meter.tx
    const [frames, bytes] = [fast.frames, fast.bytes]
    await pair.for(10)
    expect(fast.frames).toBeGreaterThan(frames)
    expect((fast.bytes - bytes) / (fast.frames - frames)).toBeLessThan(614)
    await pair.unload()
    await pair.world.close()
  })

  it('LC-12: a reset of the NIC under traffic ends the attachment, and afterwards it works again', async () => {
    const pair = await attached()
    pair.start(4, UDP_ONLY)
    await pair.for(5)
    pair.world.host('a').nics.get('eth0')?.driver.reset()
    expect(await pair.until(() => pair.phases()[0] !== 'active', 3000)).toBe(true)
    expect(await pair.until(() => pair.phases().every((phase) => phase === 'active'), 8000)).toBe(true)
    const { accelerators } = pair.world.host('a').guests.get('guest1')?.plugins ?? {}
    const report = accelerators?.control(pair.world.vif('a.guest1.vif0').vif)?.lastReport
    // The guest is told, and fails what it has lent by itself.
    expect(report).toMatchObject({ forced: false, late: [], framesDropped: 0 })
    const from = pair.counts()
    await pair.for(10)
    expect(pair.fastShare(from)).toBeGreaterThan(0.8)
    await pair.unload()
    await pair.world.close()
  })
})

describe('halves that come and go', () => {
  it("the guest's half alone, without another probe; then the driver domain's alone", async () => {
    const pair = await TwoHosts.make(twoHosts(8))
    const before = pair.world.resources()
    pair.start(8, MIXED)
    await pair.load()
    const { guests, plugins } = pair.world.host('a')
    const guest = guests.get('guest1')?.plugins.loader
    if (guest === undefined) throw new Error('no guest')
    for (let i = 0; i < 3; i++) {
      await pair.for(3)
      await pair.world.drive(guest.unload('sfc_netfront', 'frontend'))
      await pair.for(3)
      await pair.load()
    }
    for (let i = 0; i < 3; i++) {
      await pair.for(3)
      await pair.world.drive(plugins.loader.unload('sfc_netfront', 'backend'))
      await pair.for(3)
      await pair.load()
    }
    expect(pair.phases()).toEqual(['active', 'active'])
    await pair.unload()
    expect(await pair.settle()).toEqual([])
    await pair.for(2000)
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })

  it('a second vif with the same address on one port is not accelerated', async () => {
    const pair = await attached()
    const host = pair.world.host('a')
    const { driver } = host.nics.get('eth0') ?? {}
    const twin = { vifs: { vif0: { mac: pair.world.vif('a.guest1.vif0').mac, accel: 'eth0' } } }
    await pair.world.drive(host.addGuest('guest2', twin))
    await pair.for(100)
    expect(pair.world.vif('a.guest2.vif0').phase).toBe('none')
    expect([pair.phases()[0], driver?.vis.handles.length]).toEqual(['active', 1])
    await pair.unload()
    await pair.world.close()
  })

  it('ST-01, ST-03: counters of what stands are 0 at the end, and the sums are kept', async () => {
    const pair = await attached()
    pair.start(4, UDP_ONLY)
    await pair.for(10)
    const standing = pair.counters('a', 'backend')
    expect(standing['num_buffer_pages']).toBe(384)
    const guest = pair.world.host('a').guests.get('guest1')?.plugins.loader
    if (guest === undefined) throw new Error('no guest')
    await pair.world.drive(guest.unload('sfc_netfront', 'frontend'))
    await pair.for(5)
    const { num_filters, num_buffer_pages, evq_wakeups } = pair.counters('a', 'backend')
    expect([num_filters, num_buffer_pages]).toEqual([0, 0])
    expect(evq_wakeups).toBeGreaterThan(0)
    await pair.unload()
    await pair.world.close()
  })
})
