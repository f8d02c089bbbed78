import type { Frame } from '@netaccel/packet'
import { Frame as AnyFrame, parseIp, parseMac, wordsOf, writeUdp } from '@netaccel/packet'
import { DOORBELL_TX, ViHandle, writeDescriptor } from '@netaccel/nic-sim'
import { bufferAddress } from '@netaccel/nic-sim'
import { expect, it } from 'vitest'
import type { HostValue } from '../value/world-value.js'
import { build } from './build.js'
import type { World } from './world.js'

const ONE = '00:16:3e:00:00:01'
const TWO = '00:16:3e:00:00:02'
const FAR = '00:16:3e:00:00:03'
const ALL = 'ff:ff:ff:ff:ff:ff'

const host = (mac: string, guests: readonly string[]): HostValue => ({
  nics: { eth0: { mac } },
  guests: Object.fromEntries(guests.map((guest, i) => [`guest${i + 1}`, { vifs: { vif0: { mac: guest } } }])),
  links: [...guests.map((_, i) => `guest${i + 1}.vif0 -> bridge`), 'eth0 -> bridge'],
})

const datagram = (frame: Frame, from: string, to: string, number: number): void =>
  writeUdp(frame, {
    sourceMac: parseMac(from),
    destinationMac: parseMac(to),
    source: parseIp('10.0.0.1'),
    destination: parseIp('10.0.0.2'),
    sourcePort: 1,
    destinationPort: number,
    payloadLength: 10,
  })

/** A VI as guest1 of host a would have it, in the driver domain's memory; gives what sends a frame by it. */
function viOf(world: World): (to: string, number: number) => void {
  const { driver } = world.host('a')
  const nic = world.nic('a.eth0')
  const rings = driver.extent.allocPages(4)
  const buffer = driver.extent.allocPages(1)
  const vi = nic.driver.vis.create({ owner: driver.id, events: 1024, tx: 512, rx: 512, rings, mac: ONE })
  if (!(vi instanceof ViHandle)) throw new Error(`no VI: ${vi}`)
  const index = vi.register(buffer.pages)
  let sent = 0
  return (to, number) => {
    const at = (sent % 16) * 256
    const frame = new AnyFrame(wordsOf(buffer.bytes), buffer.offset + at, 256, 0, null)
    datagram(frame, ONE, to, number)
    writeDescriptor(rings.view, rings.offset + 2 * 4096, 512, sent++, bufferAddress(index, at), frame.length)
    nic.device.vis.ring(vi.hardware, DOORBELL_TX, sent)
  }
}

/** Ports of the datagrams that each guest receives, by its path. */
function listen(world: World): Map<string, number[]> {
  const heard = new Map<string, number[]>()
  for (const vif of world.vifs) {
    const numbers: number[] = []
    heard.set(vif.path, numbers)
    vif.stack = {
      receive(frame) {
        numbers.push(frame.view.getUint16(frame.offset + 36))
        frame.release()
      },
      wake() {},
    }
  }
  return heard
}

it('what a guest sends by its VI reaches guests of its host and beyond once, never itself, and moves no address', async () => {
  const world = await build({
    hosts: { a: host('00:0f:53:00:00:0a', [ONE, TWO]), b: host('00:0f:53:00:00:0b', [FAR]) },
    wires: ['a.eth0 -> b.eth0'],
  })
  const heard = listen(world)
  const transmit = (path: string, from: string, to: string, number: number): void => {
    const device = world.vif(path)
    const frame = device.take(200)
    if (frame === undefined) throw new Error('the device has no frame')
    datagram(frame, from, to, number)
    expect(device.transmit([frame], 1)).toBe(1)
  }
  const send = viOf(world)
  // The bridge learns both, as from the address resolution that every guest begins with.
  transmit('a.guest1.vif0', ONE, ALL, 1)
  transmit('a.guest2.vif0', TWO, ALL, 2)
  await world.run({ for: 1_000_000 })
  send(TWO, 10)
  send(ALL, 11)
  send(FAR, 12)
  send('00:0f:53:00:00:0a', 13)
  send(ONE, 14)
  await world.run({ for: 1_000_000 })
  transmit('a.guest2.vif0', TWO, ONE, 20)
  await world.drain()
  // 13 is for the driver domain itself: no station of the bridge has its address, so the bridge floods it to the rest.
  expect(Object.fromEntries(heard)).toEqual({
    'a.guest1.vif0': [2, 20],
    'a.guest2.vif0': [1, 10, 11, 13],
    'b.guest1.vif0': [1, 2, 11, 12],
  })
  const ledger = world.judge().ledger.filter(({ name }) => !name.startsWith('fast path'))
  expect(ledger.filter(({ inFlight }) => inFlight !== 0)).toEqual([])
  expect(ledger.find(({ name }) => name === 'a.eth0 switch')).toMatchObject({ in: 4, out: 3, dropped: 1 })
  await world.close()
})

it('a guest that has left the host is beyond the wire', async () => {
  const world = await build({
    hosts: { a: host('00:0f:53:00:00:0a', [ONE, TWO]), b: host('00:0f:53:00:00:0b', [FAR]) },
    wires: ['a.eth0 -> b.eth0'],
  })
  const send = viOf(world)
  const { device } = world.nic('a.eth0')
  send(TWO, 1)
  await world.run({ for: 1_000_000 })
  expect(device.statistics()).toMatchObject({ txPackets: 0, switchHostPackets: 1 })
  await world.drive(world.host('a').removeGuest('guest2'))
  const { txPackets } = device.statistics()
  send(TWO, 2)
  await world.run({ for: 1_000_000 })
  expect(device.statistics()).toMatchObject({ txPackets: txPackets + 1, switchHostPackets: 1 })
  await world.close()
})
