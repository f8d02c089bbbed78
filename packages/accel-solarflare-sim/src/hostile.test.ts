// CT-02, CT-05, CT-07: a guest that breaks the protocol gets errors and is reported; its neighbours notice nothing.
import { readPlugin } from '@netaccel/core'
import { parseIp, parseMac, writeUdp } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import type { Crime } from './testing/hostile-guest.js'
import { hostileGuest } from './testing/hostile-guest.js'
import { LocalSender } from './testing/local-sender.js'
import { FOLDER, TwoHosts, twoHosts } from './testing/two-hosts.js'

interface Trial {
  readonly pair: TwoHosts
  /** What the hostile half was answered: message ids, in hexadecimal. */
  readonly got: string[]
  /** What the host was told of it. */
  readonly punished: string[]
}

/** The hostile guest shares host a with a good one, which carries traffic to host b. */
async function trial(crime: Crime): Promise<Trial> {
  const pair = await TwoHosts.make(twoHosts())
  const host = pair.world.host('a')
  await pair.load()
  const guest = await pair.world.drive(
    host.addGuest('hostile', { vifs: { vif0: { mac: '00:16:3e:00:00:66', accel: 'eth0' } } }),
  )
  const got: string[] = []
  const punished: string[] = []
  host.plugins.events.on('punished', ({ evidence }) => punished.push(evidence))
  guest.plugins.events.on('plugin_log', ({ text }) => {
    if (text.startsWith('got ')) got.push(text.slice(4))
  })
  await pair.for(20)
  await pair.world.drive(guest.plugins.loader.unload('sfc_netfront', 'frontend').catch(() => undefined))
  await pair.world.drive(
    guest.plugins.loader.load(readPlugin(hostileGuest()), 'frontend', { options: { crime } }),
  )
  await pair.for(150)
  return { pair, got, punished }
}

async function neighboursAreFine({ pair }: Trial): Promise<void> {
  expect(pair.phases()[0]).toBe('active')
  pair.start(4)
  await pair.for(5)
  const from = pair.counts()
  await pair.for(10)
  expect(pair.fastShare(from)).toBeGreaterThan(0.9)
  expect(await pair.settle()).toEqual([])
  await pair.world.close()
}

describe('a guest that asks for too much', () => {
  it('scenario 19: over its quota: gets as many pages as that is, then an error, and is reported', async () => {
    const { pair, got, punished } = await trial('greedy')
    expect(got.slice(0, 2)).toEqual(['1', '2'])
    expect(got.filter((id) => id === '80000004').length).toBe(384 / 8)
    expect(got.at(-1)).toBe('c0000004')
    expect(punished).toEqual(['it asked for 392 buffer pages, its quota is 384'])
    await neighboursAreFine({ pair, got, punished })
  })

  it('scenario 19: in requests that are no power of two up to 8: an error each', async () => {
    const { pair, got, punished } = await trial('odd')
    expect(got).toEqual(['1', '2', 'c0000004', 'c0000004', 'c0000004', 'c0000004'])
    expect(punished).toEqual(
      [0, 3, 9, 0xffff_ffff].map((pages) => `it asked for ${pages} pages in one request`),
    )
    await neighboursAreFine({ pair, got, punished })
  })

  it('of pages it did not grant: an error, nothing stays mapped', async () => {
    const { pair, got, punished } = await trial('forged')
    expect(got).toEqual(['1', '2', 'c0000004'])
    expect(punished).toEqual([expect.stringMatching(/^it asked for grant status -\d+$/)])
    await neighboursAreFine({ pair, got, punished })
  })
})

describe('a guest that speaks out of turn', () => {
  it('MAPBUF before its greeting, and words nobody knows: refused, and the conversation lives', async () => {
    const early = await trial('early')
    expect([early.got, early.punished]).toEqual([['1', '2'], []])
    expect(early.pair.counters('a', 'backend')['messages_refused']).toBe(1)
    await neighboursAreFine(early)
    const babble = await trial('babble')
    expect([babble.got, babble.punished]).toEqual([['1', '2'], []])
    expect(babble.pair.counters('a', 'backend')['messages_refused']).toBe(10)
    await neighboursAreFine(babble)
  })

  it('an impossible index: reported, and nothing is read', async () => {
    const result = await trial('index')
    expect(result.punished.length).toBeGreaterThan(0)
    expect(new Set(result.punished)).toEqual(new Set(['an impossible index in its message ring']))
    await neighboursAreFine(result)
  })
})

describe('a guest that does not answer', () => {
  it('bug 16: holds the driver domain up for two seconds; its VI goes, and a page that it maps waits for it', async () => {
    const result = await trial('silent')
    const { pair } = result
    const host = pair.world.host('a')
    expect(result.got).toEqual(['1', '2'])
    expect(host.nics.get('eth0')?.driver.vis.handles.length).toBe(2)
    const report = await pair.world.drive(host.plugins.loader.unload('sfc_netfront', 'backend'))
    expect(report.tookNs).toBeLessThan(2_500_000_000)
    expect(host.nics.get('eth0')?.driver.vis.handles.length).toBe(0)
    expect(host.plugins.accelerators.kept.mapped.map(({ scope }) => scope)).toEqual([
      expect.stringContaining('conversation'),
    ])
    // At its deadline the guest's own host takes the mapping back; then the page is free.
    await pair.for(6000)
    expect(host.plugins.accelerators.kept.mapped).toEqual([])
    // The hostile guest keeps its own half: the driver domain alone loads anew.
    await pair.world.drive(host.plugins.loader.load(FOLDER, 'backend'))
    await pair.until(() => pair.phases()[0] === 'active', 5000)
    await neighboursAreFine(result)
  })
})

describe('FL-04: a filter that lets through what is not the guest’s', () => {
  it('bug 1: scenario 22: is named by the guest and taken away', async () => {
    const pair = await TwoHosts.make(twoHosts())
    await pair.loadWith({ backend: { filterMac: false } })
    pair.start(1, { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 })
    await pair.for(5)
    for (const stack of pair.stacks) stack.stop()
    await pair.for(5)
    expect(pair.counters('a', 'backend')).toMatchObject({ num_filters: 1, filters_unwanted: 0 })
    sendForeign(pair)
    await pair.for(2)
    expect(pair.counters('a', 'backend')).toMatchObject({ num_filters: 0, filters_unwanted: 1 })
    await pair.unload()
    await pair.world.close()
  })

  it('does not exist where the NIC matches the MAC too, as by default', async () => {
    const pair = await TwoHosts.make(twoHosts())
    await pair.load()
    pair.start(1, { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 })
    await pair.for(5)
    for (const stack of pair.stacks) stack.stop()
    await pair.for(5)
    const { rx } = pair.world.vif('a.guest1.vif0').meter
    const fast = rx.fast.frames
    sendForeign(pair)
    await pair.for(2)
    expect(rx.fast.frames).toBe(fast)
    expect(pair.counters('a', 'backend')).toMatchObject({ num_filters: 1, filters_unwanted: 0 })
    await pair.unload()
    await pair.world.close()
  })
})

/** From host b's bridge: to the address and port of the guest on host a, under a MAC that is not its own. */
function sendForeign(pair: TwoHosts): void {
  new LocalSender(pair, 'b').send((frame) =>
    writeUdp(frame, {
      sourceMac: parseMac('00:16:3e:00:00:77'),
      destinationMac: parseMac('00:16:3e:00:00:99'),
      source: parseIp('10.0.0.2'),
      destination: parseIp('10.0.0.1'),
      sourcePort: 1,
      destinationPort: 7001 + (10_000 % 64),
      payloadLength: 20,
    }),
  )
}
