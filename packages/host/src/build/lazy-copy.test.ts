// Worlds whose driver domains map what guests send (docs/lazy-copy.md): everything arrives once and in order, whatever is
// mapped, copied or cut on the way, and nothing is left.
import { DelayingStage } from '@netaccel/bridge'
import { type Frame, gather, parseMac, privateArena, Random, wordsOf } from '@netaccel/packet'
import { expect, it } from 'vitest'
import { defaultMix, makeFlows } from '../traffic/flows.js'
import { VirtualStack } from '../traffic/virtual-stack.js'
import type { DriverValue, HostValue, WorldValue } from '../value/world-value.js'
import { build } from './build.js'
import type { Host } from './host.js'
import type { World } from './world.js'

const A = { mac: '00:16:3e:00:00:01', ip: '10.0.0.1' }
const B = { mac: '00:16:3e:00:00:02', ip: '10.0.0.2' }
const MS = 1_000_000

function local(driver: DriverValue): WorldValue {
  const guests = { guest1: { vifs: { vif0: A } }, guest2: { vifs: { vif0: B } } }
  const vifs = Object.fromEntries(
    Object.entries(guests).map(
      ([
        name,
        {
          vifs: { vif0 },
        },
      ]) => [name, { vifs: { vif0: { mac: vif0.mac } } }],
    ),
  )
  return { hosts: { a: { driver, guests: vifs, links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'] } } }
}

function wired(driver: DriverValue): WorldValue {
  const host = (nic: string, mac: string): HostValue => ({
    driver,
    nics: { eth0: { mac: nic } },
    guests: { guest1: { vifs: { vif0: { mac } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  return {
    hosts: { a: host('00:0f:53:00:00:0a', A.mac), b: host('00:0f:53:00:00:0b', B.mac) },
    wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
  }
}

function startTraffic(world: World, one: string, two: string, linear = false): VirtualStack[] {
  const random = new Random(5)
  // A backend that copies every packet takes none to be cut.
  const mix = linear ? { tcp: 0, tcp6: 0, udp: 0.8, icmp: 0.1, arp: 0.1 } : defaultMix
  const stacks = [one, two].map(
    (path) => new VirtualStack(world.vif(path), world.vif(path).engine, random.fork(path)),
  )
  stacks[0].start(makeFlows(A, B, 20, mix, random.fork('ab')), { burst: 16, gapNs: 50_000 })
  stacks[1].start(makeFlows(B, A, 20, mix, random.fork('ba')), { burst: 16, gapNs: 50_000 })
  return stacks
}

/** Sent, success and fail of all vifs of a host. */
function zeroCopies(host: Host): number[] {
  const counters = host.netback.vifs.flatMap((vif) => vif.queues.map((queue) => queue.counters))
  const sum = (key: 'tx_zerocopy_sent' | 'tx_zerocopy_success' | 'tx_zerocopy_fail'): number =>
    counters.reduce((all, each) => all + each[key], 0)
  return [sum('tx_zerocopy_sent'), sum('tx_zerocopy_success'), sum('tx_zerocopy_fail')]
}

const hosts = {
  one: { value: local, ends: ['a.guest1.vif0', 'a.guest2.vif0'] },
  two: { value: wired, ends: ['a.guest1.vif0', 'b.guest1.vif0'] },
} as const

it.each([
  ['one', 'delayed'],
  ['one', 'always'],
  ['one', 'netloop'],
  ['two', 'delayed'],
  ['two', 'none'],
] as const)("guests of %s host exchange everything once and in order: '%s'", async (where, lazyCopy) => {
  const { value, ends } = hosts[where]
  const world = await build(value({ lazyCopy }))
  const host = world.host('a')
  const before = host.driver.resources()
  const stacks = startTraffic(world, ends[0], ends[1], lazyCopy === 'always')
  await world.run({ for: 3 * MS })
  for (const stack of stacks) stack.stop()
  await world.run({ for: 20 * MS })
  expect(world.oracle?.verdict()).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
  const [sent, success, fail] = zeroCopies(host)
  // On their way to a guest or a NIC packets need not be copied at all.
  const copies = lazyCopy === 'always' || lazyCopy === 'netloop'
  expect([sent > 100, success, fail]).toEqual([true, copies ? 0 : sent, copies ? sent : 0])
  expect(host.driver.resources()).toEqual(before)
  await world.close()
})

it('a guest that is destroyed while a slow NIC has its pages leaves nothing behind, once the packets have left', async () => {
  const value = wired({ lazyCopy: 'delayed' })
  const world = await build({ ...value, wires: [{ link: 'a.eth0 -> b.eth0', gbps: 0.01 }] })
  const host = world.host('a')
  const stacks = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0')
  await world.run({ for: 5 * MS })
  for (const stack of stacks) stack.stop()
  const mapped = host.driver.resources().mappings
  const gone = host.destroyGuest('guest1')
  let done = false
  void gone.then(() => (done = true))
  await world.run({ until: () => done })
  await world.run({ for: 8000 * MS })
  const { mappings } = host.driver.resources()
  expect([mapped > 3, mappings, host.hypervisor.reapZombies()]).toEqual([true, 0, 0])
  await world.close()
})

it('a flood goes to ports that take fragments and to those that do not', async () => {
  const world = await build(local({ lazyCopy: 'none' }))
  const { bridge } = world.host('a')
  const got: number[][] = []
  bridge.addPort({
    name: 'tap',
    send: (frame) => {
      got.push([...frame.bytes.slice(frame.offset, frame.offset + frame.length)])
      frame.release()
    },
  })
  const arrived: number[][] = []
  world.vif('a.guest2.vif0').stack = {
    receive: (frame) => {
      arrived.push([...frame.bytes.slice(frame.offset, frame.offset + frame.length)])
      frame.release()
    },
    wake: () => undefined,
  }
  const sender = world.vif('a.guest1.vif0')
  const frame = sender.take(1500)
  if (frame === undefined) throw new Error('no frame')
  frame.length = 1500
  const sent = Array.from({ length: 1500 }, (_, i) => (i * 7) & 0xff)
  sent.splice(0, 14, ...parseMac('ff:ff:ff:ff:ff:ff'), ...parseMac(A.mac), 0x88, 0xb5)
  frame.bytes.set(sent, frame.offset)
  sender.transmit([frame], 1)
  await world.run({ for: MS })
  expect([got, arrived]).toEqual([[sent], [sent]])
  expect(zeroCopies(world.host('a'))).toEqual([1, 0, 1])
  await world.close()
})

/** Frame k, to the local port: its number, then bytes that tell it. */
const bytesOfFrame = (k: number): number[] => {
  const bytes = Array.from({ length: 1400 }, (_, i) => (i * 7 + k * 31) & 0xff)
  bytes.splice(0, 16, ...parseMac(B.mac), ...parseMac(A.mac), 0x88, 0xb5, k >> 8, k & 255)
  return bytes
}

it('packets that linger in the driver domain’s stack for 0.1 to 5 s are whole when they leave, though the guest has used its pages again; only old ones are copied', async () => {
  const world = await build(local({ lazyCopy: 'delayed' }))
  const host = world.host('a')
  const { engine } = host.driver
  const before = host.driver.resources()
  // Never in the second in which it depends on the timer whether a packet is copied.
  const delays = [0.1, 0.3, 0.45, 1.6, 2.5, 5].map((seconds) => seconds * 1e9)
  const memory = privateArena(2048)
  const left: number[] = []
  const stage = new DelayingStage(
    engine,
    (frame) => delays[frame.view.getUint16(frame.offset + 14) % delays.length],
    (frame: Frame) => {
      const k = frame.view.getUint16(frame.offset + 14)
      gather(frame, wordsOf(memory.bytes), 0)
      expect([...memory.bytes.slice(0, frame.length)]).toEqual(bytesOfFrame(k))
      left.push(k)
      frame.release()
    },
  )
  const port = host.bridge.addPort({ name: 'local', scatter: true, send: (frame) => stage.take(frame) })
  const sender = world.vif('a.guest1.vif0')
  let sent = 0
  // The sender's buffers, 256, go round twice.
  while (sent < 600) {
    const frame = sender.take(1400)
    if (frame !== undefined) {
      frame.length = 1400
      frame.bytes.set(bytesOfFrame(sent), frame.offset)
      if (sender.transmit([frame], 1) === 1) sent++
      else frame.release()
    }
    await world.run({ for: frame === undefined ? 50 * MS : 10 * MS })
  }
  await world.run({ for: 6000 * MS })
  expect(left.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, k) => k))
  const [all, success, fail] = zeroCopies(host)
  expect([all, success, fail, stage.count]).toEqual([600, 300, 300, 0])
  expect(host.driver.resources()).toEqual(before)
  port.close()
  await world.close()
})
