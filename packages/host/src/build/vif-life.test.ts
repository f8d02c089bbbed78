// Vifs that come and go, and a backend that does, under traffic and without an accelerator.
import { Bridge } from '@netaccel/bridge'
import { Netback } from '@netaccel/netback'
import { Netfront } from '@netaccel/netfront'
import type { Frame } from '@netaccel/packet'
import { Hypervisor, settle, VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { startTraffic } from '../traffic/start-traffic.js'
import type { WorldValue } from '../value/world-value.js'
import { build } from './build.js'
import { createVif } from './toolstack.js'

const mac = (last: number): string => `00:16:3e:00:00:0${last}`

describe('hot plugging under traffic', () => {
  it('disturbs no other vif: nothing of their traffic is lost, and what was taken comes back', async () => {
    const value: WorldValue = {
      hosts: {
        a: {
          guests: {
            guest1: { vifs: { vif0: { mac: mac(1) } } },
            guest2: { vifs: { vif0: { mac: mac(2) } } },
          },
          links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'],
        },
      },
    }
    const world = await build(value)
    const before = world.resources()
    const traffic = startTraffic(world, 'a.guest1.vif0', 'a.guest2.vif0')
    for (let round = 0; round < 2; round++) {
      await world.plug('a.guest1.vif1', { mac: mac(3) })
      await world.plug('a.guest2.vif1', { mac: mac(4) })
      await world.run({ for: 1.5e6 })
      await world.unplug('a.guest1.vif1')
      await world.unplug('a.guest2.vif1')
      await world.run({ for: 1e6 })
    }
    await traffic.stop()
    await world.drain()
    const host = world.host('a')
    const lasting = host.netback.vifs.filter(({ handle }) => handle === 0)
    expect(lasting.length).toBe(2)
    for (const { guest, queues } of lasting) {
      expect([...queues[0].counters.dropped.entries()]).toEqual([])
      expect(queues[0].counters.rx_packets).toBeGreaterThan(100)
      const front = [...host.guests.values()].find(({ domain }) => domain.id === guest)?.netfront.vif(0)
      expect([...(front?.queues[0].counters.dropped.entries() ?? [])]).toEqual([])
      // What the bridge has given it, it has: nothing stands or was left out on the way.
      expect(front?.queues[0].counters.rx_segments).toBe(queues[0].counters.tx_segments)
    }
    // Flooded frames that met a vif in its last moment are lost there, and nothing else is.
    expect(Object.keys(world.judge().dropped).filter((reason) => !reason.startsWith('net'))).toEqual([])
    // Ring pages that were mapped still when the guest gave them up are tried again each second.
    await world.run({ for: 2e9 })
    const { pages, ...others } = world.resources()
    const { pages: pagesBefore, ...othersBefore } = before
    expect(others).toEqual(othersBefore)
    // Each guest's grant table has grown by a frame, which it keeps.
    expect(pages - pagesBefore).toBe(2)
    await world.close()
  })
})

describe('a backend that goes and another that comes', () => {
  it('finds the guest connecting anew by itself, which tells its stack to announce itself', async () => {
    const clock = new VirtualClock()
    const xen = new Hypervisor({ timeline: clock, machine: { bytes: 24 << 20 } })
    const wait = <T>(work: Promise<T>): Promise<T> => settle(clock, work)
    const driver = await wait(xen.createDomain({ name: 'driver', pages: 2500 }))
    const guest = await wait(xen.createDomain({ name: 'guest', pages: 1500 }))
    const bridge = new Bridge(driver.engine)
    const arrived: number[] = []
    bridge.addPort({
      name: 'sink',
      send: (frame: Frame) => {
        arrived.push(frame.length)
        frame.release()
      },
    })
    await wait(createVif(driver, guest, { handle: 0, mac: mac(1), mtu: 1500 }))
    const netfront = new Netfront(guest)
    let announced = 0
    netfront.onVif = (vif) => {
      vif.stack = {
        receive: (frame) => frame.release(),
        wake: () => {},
        notifyPeers: () => void announced++,
      }
    }
    const send = (): number => {
      const vif = netfront.vif(0)
      const frame = vif?.txPool.take(100)
      if (vif === undefined || frame === undefined) return 0
      frame.length = 100
      frame.bytes.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5], frame.offset)
      const taken = vif.transmit([frame], 1)
      if (taken === 0) frame.release()
      return taken
    }
    const run = (ms: number): Promise<void> => clock.run({ for: ms * 1e6 })
    let netback = new Netback(driver, { bridge })
    await wait(netback.start())
    await wait(netfront.start())
    await run(20)
    const [bare, seen] = [driver.resources(), guest.resources()]
    for (let life = 1; life <= 4; life++) {
      expect([netfront.vif(0)?.state, announced, send()]).toEqual(['connected', life, 1])
      await run(5)
      expect(arrived.length).toBe(life)
      await wait(netback.stop())
      await run(20)
      expect([netfront.vif(0)?.state, send()]).toEqual(['waiting', 0])
      netback = new Netback(driver, { bridge })
      await wait(netback.start())
      await run(20)
    }
    expect([driver.resources(), guest.resources()]).toEqual([bare, seen])
  })
})
