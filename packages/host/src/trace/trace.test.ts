import { fileURLToPath } from 'node:url'
import { FramePool, poolBytes, privateArena, Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { sendText } from '../traffic/datagram.js'
import { makeFlows } from '../traffic/flows.js'
import { startTraffic } from '../traffic/start-traffic.js'
import type { WorldValue } from '../value/world-value.js'
import type { TracedPacket } from './packets.js'
import { Trace } from './trace.js'

const MS = 1_000_000
const PLUGIN = fileURLToPath(new URL('../../../accel-solarflare-sim', import.meta.url))
const TCP = { tcp: 1, tcp6: 0, udp: 0, icmp: 0, arp: 0 }
const [A, B] = ['a.guest1.vif0', 'b.guest1.vif0']

function host(nic: string, mac: string) {
  return {
    nics: { eth0: { mac: nic } },
    guests: { guest1: { vifs: { vif0: { mac, accel: 'eth0' } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  }
}

const wired: WorldValue = {
  hosts: {
    a: host('00:0f:53:00:00:0a', '00:16:3e:00:00:01'),
    b: host('00:0f:53:00:00:0b', '00:16:3e:00:00:02'),
  },
  wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
}

const SLOW = [
  'a 1 stack sends',
  'a 2 fork slow',
  'a 3s tx ring slow',
  'a 4s from guest slow',
  'a 5s into bridge slow',
  'a 5s out of bridge slow',
  'a 6s port sends slow',
  'a 7 NIC sends slow',
  'a 8 onto wire',
  'b 8 off wire',
  'b 7 NIC receives slow',
  'b 6s port receives slow',
  'b 5s into bridge slow',
  'b 5s out of bridge slow',
  'b 4s to guest slow',
  'b 3s rx ring slow',
  'b 2 poll slow',
  'b 1 stack receives',
]

const FAST = [
  'a 1 stack sends',
  'a 2 fork fast',
  'a 3f plugin sends fast',
  'a 4f VI sends fast',
  'a 7 NIC sends fast',
  'a 8 onto wire',
  'b 8 off wire',
  'b 7 NIC receives fast',
  'b 4f VI receives fast',
  'b 3f plugin receives fast',
  'b 2 poll fast',
  'b 1 stack receives',
]

/** The places of a packet in order, those of its segments once. */
function way({ records }: TracedPacket): string[] {
  return [
    ...new Set(records.map(({ host: at, stage, step, path }) => `${at} ${stage} ${step} ${path}`.trim())),
  ]
}

/** Segments of a packet at one place. */
function segmentsAt({ records }: TracedPacket, step: string): number {
  return records.filter((record) => record.step === step).reduce((sum, { segments }) => sum + segments, 0)
}

const isWhole = (packet: TracedPacket): boolean =>
  packet.records[0].step === 'stack sends' &&
  segmentsAt(packet, 'stack sends') === segmentsAt(packet, 'stack receives')

async function end(world: World): Promise<void> {
  await world.drain()
  expect(world.judge().verdict).toBe('nothing lost')
  await world.close()
}

describe('a traced frame follows docs/packet-way.md', () => {
  it('on the slow path: each stage once, in order, in ever later time', async () => {
    const world = await build(wired)
    sendText(world, B, A, 'so that the bridges know the way')
    await world.run()
    const trace = world.trace()
    sendText(world, A, B, 'hello')
    await world.run()
    const packets = trace.packets()
    expect(packets.map(({ flow, name, length }) => [flow, name, length])).toEqual([
      ['UDP 10.0.0.1:9 > 10.0.0.2:9', 'id 1', 47],
    ])
    expect(way(packets[0])).toEqual(SLOW)
    const times = packets[0].records.map(({ at }) => at)
    expect(times).toEqual(times.toSorted((one, other) => one - other))
    expect(trace.lines()).toHaveLength(SLOW.length)
    await end(world)
  })

  it('on the fast path, with every segment of each GSO frame', async () => {
    const world = await build(wired)
    const traffic = startTraffic(world, A, B, { flows: 2, mix: TCP })
    await world.run({ for: 5 * MS })
    await world.load(PLUGIN)
    await world.run({ for: 5 * MS })
    const trace = world.trace({ flow: 'TCP 10.0.0.1' })
    await world.run({ for: 3 * MS })
    await traffic.stop()
    await world.drain()
    const packets = trace.packets().filter(isWhole)
    expect(packets.length).toBeGreaterThan(10)
    for (const packet of packets) expect(way(packet)).toEqual(FAST)
    const cut = packets.filter(({ records }) => records[0].segments > 1)
    expect(cut.length).toBeGreaterThan(0)
    for (const packet of cut) {
      const { segments } = packet.records[0]
      for (const step of ['fork', 'VI sends', 'onto wire', 'VI receives', 'poll', 'stack receives'])
        expect([step, segmentsAt(packet, step)]).toEqual([step, segments])
    }
    await end(world)
  })

  it('of both paths at once, when the plugin is taken away under traffic', async () => {
    const world = await build(wired)
    const traffic = startTraffic(world, A, B, { flows: 4, mix: TCP })
    // Merging would hide all but the first of the segments that it joins.
    await world.load(PLUGIN, { options: { lro: false } })
    await world.run({ for: 4 * MS })
    const trace = world.trace({ flow: 'TCP 10.0.0.1' })
    await world.run({ for: 2 * MS })
    await world.unload('sfc_netfront')
    await world.run({ for: 2 * MS })
    await traffic.stop()
    await world.drain()
    const packets = trace.packets().filter(isWhole)
    for (const packet of packets) {
      const out = way(packet).filter((place) => place.startsWith('a '))
      expect([SLOW.slice(0, 9), FAST.slice(0, 6)]).toContainEqual(out)
      // The receiver switches at another instant than the sender, and between two segments of one frame too.
      const arrived = packet.records.filter(({ host: at }) => at === 'b')
      for (const segment of new Set(arrived.map(({ number }) => number))) {
        const into = way({ ...packet, records: arrived.filter(({ number }) => number === segment) })
        expect([SLOW.slice(9), FAST.slice(6)]).toContainEqual(into)
      }
    }
    const ways = packets.map(way)
    expect(ways).toContainEqual(SLOW)
    expect(ways).toContainEqual(FAST)
    await end(world)
  })
})

describe('watching', () => {
  it('counts what the meters count, and sees nothing after stop', async () => {
    const world = await build(wired)
    const traffic = startTraffic(world, A, B)
    const trace = world.trace({ capacity: 100 })
    await world.run({ for: 3 * MS })
    await traffic.stop()
    await world.drain()
    trace.stop()
    const steps = Object.fromEntries(trace.steps().map(({ step, segments }) => [step, segments]))
    const sum = (pick: 'tx' | 'rx'): number =>
      world.status().vifs.reduce((total, vif) => total + vif[pick].slow.segments, 0)
    expect(steps).toMatchObject({ fork: sum('tx'), 'from guest': sum('tx'), poll: sum('rx') })
    expect(steps).toMatchObject({ 'onto wire': sum('tx'), 'off wire': sum('tx'), 'to guest': sum('rx') })
    const [size, forgotten] = [trace.size, trace.forgotten]
    expect(size).toBe(100)
    expect(forgotten).toBeGreaterThan(100)
    sendText(world, A, B, 'unseen')
    await world.run()
    expect([trace.size, trace.forgotten]).toEqual([size, forgotten])
    await end(world)
  })

  it('gives the places of an earlier trace to the next one', async () => {
    const world = await build(wired)
    const first = world.trace()
    const second = world.trace()
    first.stop()
    sendText(world, A, B, 'hello')
    await world.run()
    expect([first.size, second.size > 0]).toEqual([0, true])
    await end(world)
  })
})

describe('records', () => {
  const pool = new FramePool(privateArena(poolBytes(1, 70_000)), { frames: 1, bytesEach: 70_000 })
  const [near, far] = [
    { mac: '00:16:3e:00:00:01', ip: '10.0.0.1' },
    { mac: '00:16:3e:00:00:02', ip: '10.0.0.2' },
  ]

  function record(trace: Trace, mix: Parameters<typeof makeFlows>[3], count: number): void {
    const [flow] = makeFlows(near, far, 1, mix, new Random(3))
    for (let i = 0; i < count; i++) {
      const frame = pool.take()
      if (frame === undefined) throw new Error('no frame')
      flow.write(frame)
      trace.record('a', 'fork', 'a.guest1.vif0', 'slow', frame)
      frame.release()
    }
  }

  it.each([
    [{ tcp: 1, tcp6: 0, udp: 0, icmp: 0, arp: 0 }, /^TCP 10\.0\.0\.1:10000 > 10\.0\.0\.2:5017$/, /^seq \d+$/],
    [
      { tcp: 0, tcp6: 1, udp: 0, icmp: 0, arp: 0 },
      /^TCP \[fd00::a00:1\]:10000 > \[fd00::a00:2\]:5017$/,
      /^seq/,
    ],
    [{ tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 }, /^UDP 10\.0\.0\.1:10000 > 10\.0\.0\.2:7017$/, /^id 1$/],
    [{ tcp: 0, tcp6: 0, udp: 0, icmp: 1, arp: 0 }, /^ICMP 10\.0\.0\.1 > 10\.0\.0\.2$/, /^number 1$/],
    [{ tcp: 0, tcp6: 0, udp: 0, icmp: 0, arp: 1 }, /^ARP 10\.0\.0\.1 > 10\.0\.\d+\.\d+$/, /^for 10\.0\./],
  ])('name a packet of %j by its flow and its number', (mix, flow, name) => {
    const trace = new Trace(() => 5)
    record(trace, mix, 2)
    const last = trace.records()[1]
    expect(last).toMatchObject({ at: 5, host: 'a', step: 'fork', stage: '2', path: 'slow', segments: 1 })
    expect(last.flow).toMatch(flow)
    expect(last.name).toMatch(name)
  })

  it('keep the newest, oldest first, when there is no more room', () => {
    let now = 0
    const trace = new Trace(() => now++, { capacity: 4 })
    record(trace, { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 }, 10)
    expect(trace.records().map(({ at, number }) => [at, number])).toEqual([
      [6, 6],
      [7, 7],
      [8, 8],
      [9, 9],
    ])
    expect(trace.forgotten).toBe(6)
    expect(trace.steps()).toEqual([{ step: 'fork', stage: '2', frames: 10, segments: 10 }])
  })

  it('leave out the flows that nobody asked for', () => {
    const trace = new Trace(() => 0, { flow: 'TCP' })
    record(trace, { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 }, 3)
    record(trace, TCP, 2)
    expect(trace.records().every(({ flow }) => flow.startsWith('TCP'))).toBe(true)
    expect(trace.size).toBe(2)
    expect(trace.of('10.0.0.9')).toEqual([])
    expect(trace.of('10.0.0.1:10000')).toHaveLength(2)
  })

  it('refuse a capacity that holds nothing', () => {
    expect(() => new Trace(() => 0, { capacity: 0 })).toThrow(/above 0/)
  })
})
