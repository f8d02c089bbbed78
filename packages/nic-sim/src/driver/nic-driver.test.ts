import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { Wire } from '../index.js'
import type { Frame } from '@netaccel/packet'
import { FramePool, privateArena } from '@netaccel/packet'
import { Host, pattern, tcp, udp, written } from '../testing/rig.js'

function pair(
  wireOptions = {},
  a = {},
  b = {},
): { clock: VirtualClock; left: Host; right: Host; wire: Wire } {
  const clock = new VirtualClock()
  const left = new Host(clock, 'left', {}, a)
  const right = new Host(clock, 'right', {}, b)
  const wire = new Wire(wireOptions)
  wire.join(left.device, right.device)
  return { clock, left, right, wire }
}

describe('driver to driver over the wire', () => {
  it('carries 200 frames of many sizes in order, byte for byte, and gives every frame back', async () => {
    const { clock, left, right, wire } = pair()
    const sizes = Array.from({ length: 200 }, (_, i) => (i * 37) % 1472)
    const frames = sizes.map((size, i) => udp(pattern(size, i)))
    for (const frame of frames) expect(left.send(frame)).toBe('taken')
    await clock.run()
    expect(right.received).toEqual(frames.map((frame) => written(frame)))
    expect(left.txPool.free).toBe(256)
    expect(right.rxPool.free + right.driver.posted).toBe(256)
    expect(wire.lanes[0].sent).toBe(200)
    expect(wire.lanes[0].delivered).toBe(200)
    expect(left.device.drops.total + right.device.drops.total).toBe(0)
  })

  it('sends both ways at once', async () => {
    const { clock, left, right } = pair()
    for (let i = 0; i < 50; i++) {
      left.send(udp(pattern(100, i)))
      right.send(udp(pattern(200, i)))
    }
    await clock.run()
    expect(right.received.map((frame) => frame.length)).toEqual(Array.from({ length: 50 }, () => 142))
    expect(left.received.map((frame) => frame.length)).toEqual(Array.from({ length: 50 }, () => 242))
  })

  it('releases a frame only when it has left, in order (FL-07)', async () => {
    const { clock, left, right, wire } = pair({ slots: 2 }, {}, { rx: 2 })
    right.driver.onReceive = () => undefined
    const order: number[] = []
    for (let i = 0; i < 6; i++) {
      const frame = left.txPool.take()
      if (frame === undefined) throw new Error('no frame')
      udp(pattern(10 + i))(frame)
      const { release } = frame
      frame.release = () => {
        order.push(frame.length)
        release.call(frame)
      }
      left.driver.transmit(frame)
    }
    await clock.run({ for: 1_000_000 })
    // Two in the receiver's frames, two in the wire's slots; the others have not left.
    expect(wire.lanes[0].sent).toBe(4)
    expect(order).toEqual([52, 53, 54, 55])
    expect(left.driver.standing).toBe(2)
  })

  it('fills blank checksums on the wire, not in the frame that was lent', async () => {
    const { clock, left, right } = pair()
    const frame = left.txPool.take()
    if (frame === undefined) throw new Error('no frame')
    udp(pattern(333), { blank: true })(frame)
    const before = frame.bytes.slice(frame.offset, frame.offset + frame.length)
    frame.hold()
    left.driver.transmit(frame)
    await clock.run()
    expect(frame.bytes.slice(frame.offset, frame.offset + frame.length)).toEqual(before)
    expect(right.received).toEqual([written(udp(pattern(333)))])
    expect(right.checksums).toEqual(['verified'])
    frame.release()
  })

  it('does not believe a sender that says verified: the receiving NIC sums again', async () => {
    const { clock, left, right } = pair()
    left.send((frame) => {
      udp(pattern(64))(frame)
      frame.bytes[frame.offset + 60] ^= 1
      frame.checksum = 'verified'
    })
    left.send(udp(pattern(64)))
    await clock.run()
    expect(right.checksums).toEqual(['none', 'verified'])
  })

  it('cuts a GSO frame at the wire: no frame above the MTU, payload whole', async () => {
    const { clock, left, right } = pair({}, { tx: 2, txBytes: 69_632 })
    const payload = pattern(60_000)
    left.send(tcp(payload, { gsoSize: 1448 }))
    await clock.run()
    expect(right.received.length).toBe(Math.ceil(60_000 / 1448))
    expect(Math.max(...right.received.map((frame) => frame.length))).toBe(1448 + 54)
    const joined = right.received.flatMap((frame) => [...frame.subarray(54)])
    expect(Uint8Array.from(joined)).toEqual(payload)
    expect(new Set(right.checksums)).toEqual(new Set(['verified']))
    expect(left.txPool.free).toBe(2)
  })

  it('drops and counts what cannot go: above the MTU, too short, link down', async () => {
    const { clock, left, right, wire } = pair()
    left.send(udp(pattern(1473)))
    left.send((frame) => void (frame.length = 13))
    left.send(udp(pattern(1472)))
    await clock.run()
    wire.setLink(false)
    left.send(udp(pattern(9)))
    await clock.run()
    expect(left.device.drops.entries().map(({ reason, frames }) => [reason, frames])).toEqual([
      ['nic_tx_too_long', 1],
      ['nic_tx_bad_descriptor', 1],
      ['nic_tx_link_down', 1],
    ])
    expect(right.received.length).toBe(1)
    expect(left.txPool.free).toBe(256)
  })

  it('says full at its depth and calls onRoom when it has room again', async () => {
    const { clock, left } = pair({}, { txDepth: 4 })
    for (let i = 0; i < 4; i++) expect(left.send(udp(pattern(10)))).toBe('taken')
    expect(left.send(udp(pattern(10)))).toBe('full')
    let room = 0
    left.driver.onRoom = () => room++
    await clock.run()
    expect(room).toBe(1)
    expect(left.send(udp(pattern(10)))).toBe('taken')
  })

  it('shows each frame to its observers once, before the bridge has it', async () => {
    const { clock, left, right } = pair()
    const seen: string[] = []
    left.driver.observe({ transmitted: (frame) => void seen.push(`tx ${frame.length}`) })
    right.driver.observe({ received: (frame) => void seen.push(`rx ${frame.length}`) })
    left.send(udp(pattern(10)))
    await clock.run()
    expect(seen).toEqual(['tx 52', 'rx 52'])
  })
})

describe('handedOver (FL-08)', () => {
  it('settles not before the frames that had arrived are with the bridge', async () => {
    const { clock, left, right } = pair()
    right.driver.onReceive = null
    for (let i = 0; i < 20; i++) left.send(udp(pattern(10, i)))
    await clock.run()
    let settledAfter = -1
    const handed: number[] = []
    const done = right.driver.handedOver().then(() => (settledAfter = handed.length))
    await clock.run()
    expect(settledAfter).toBe(-1)
    right.driver.onReceive = (frame) => {
      handed.push(frame.length)
      frame.release()
    }
    right.driver.kick()
    await clock.run()
    await done
    expect(settledAfter).toBe(20)
  })

  it('settles at once when nothing stands', async () => {
    const { right } = pair()
    await expect(right.driver.handedOver()).resolves.toBeUndefined()
  })

  it('settles within 100 ms though the driver domain has no frame left', async () => {
    const { clock, left, right } = pair({}, {}, { rx: 4 })
    const kept: { release(): void }[] = []
    right.driver.onReceive = (frame) => void kept.push(frame)
    for (let i = 0; i < 100; i++) left.send(udp(pattern(10, i)))
    await clock.run({ for: 50_000 })
    let at = -1
    const start = clock.now()
    const done = right.driver.handedOver().then(() => (at = clock.now() - start))
    await clock.run()
    await done
    expect(at).toBeGreaterThan(9_000_000)
    expect(at).toBeLessThan(100_000_000)
    expect(kept.length).toBe(4)
    expect(right.device.drops.frames('wire_pause_timeout')).toBe(96)
  })
})

describe('reset, quiesce, close', () => {
  it('a reset keeps what the driver domain sent and tells reset, then reset-done', async () => {
    const { clock, left, right } = pair()
    const changes: string[] = []
    left.driver.onChange((change) => void changes.push(change.kind))
    for (let i = 0; i < 30; i++) left.send(udp(pattern(10, i)))
    left.driver.reset()
    expect(changes).toEqual(['reset'])
    await clock.run({ for: 500_000 })
    expect(right.received.length).toBe(0)
    await clock.run()
    expect(changes).toEqual(['reset', 'reset-done'])
    expect(right.received.length).toBe(30)
  })

  it('close gives every frame back, counts what had not left, and says gone', async () => {
    const { clock, left, right } = pair({ slots: 2 }, { tx: 20 }, { rx: 2 })
    right.driver.onReceive = () => undefined
    for (let i = 0; i < 20; i++) left.send(udp(pattern(10, i)))
    await clock.run({ for: 100_000 })
    const changes: string[] = []
    left.driver.onChange((change) => void changes.push(change.kind))
    const gone = 20 - left.driver.standing
    left.driver.close()
    expect(changes).toEqual(['gone'])
    expect(left.txPool.free).toBe(20)
    expect(left.rxPool.free).toBe(256)
    expect(left.device.drops.frames('nic_tx_closed')).toBe(20 - gone)
    await clock.run()
    expect(left.send(udp(pattern(10)))).toBe('taken')
    expect(left.txPool.free).toBe(20)
  })

  it('link and MTU changes are told', async () => {
    const { clock, left, wire } = pair()
    const changes: unknown[] = []
    left.driver.onChange((change) => void changes.push(change))
    wire.setLink(false)
    wire.setLink(true)
    left.driver.setMtu(1400)
    await clock.run()
    expect(changes).toEqual([
      { kind: 'link', up: false },
      { kind: 'link', up: true },
      { kind: 'mtu', mtu: 1400 },
    ])
    expect(() => left.driver.setMtu(9000)).toThrow(/maxMtu/)
  })
})

describe('charging (D2)', () => {
  it('charges both NICs and both driver domains for what they did, exactly', async () => {
    const { clock, left, right } = pair()
    for (let i = 0; i < 10; i++) left.send(udp(pattern(58)))
    await clock.run()
    for (const { device } of [left, right]) {
      expect(device.engine.charged('frame')).toBe(10)
      expect(device.engine.charged('byteDma')).toBe(1000)
    }
    // Ten descriptors read; one event tells that all have left, one each that they have come.
    expect(left.device.engine.charged('descriptor')).toBe(10 + 1)
    expect(right.device.engine.charged('descriptor')).toBe(10 + 10)
    // 256 buffers posted and 10 frames sent, one event read; 256 posted, 10 events read.
    expect(left.dom0.charged('descriptor')).toBe(256 + 10 + 1)
    expect(right.dom0.charged('descriptor')).toBe(256 + 10)
    expect(right.dom0.charged('frame')).toBe(10)
    // Buffers shown, sent, interrupt armed at the start and after the one poll with an event.
    expect(left.dom0.charged('doorbell')).toBe(4)
    expect(right.dom0.charged('doorbell')).toBe(3)
  })
})

describe('the queue of the driver domain', () => {
  it('finishes a checksum whose place the NIC does not find, in the frame', async () => {
    const { clock, left, right } = pair()
    const inner = written(udp(pattern(100)))
    left.send((frame) => {
      udp(Uint8Array.from([...pattern(8), ...inner]), { destinationPort: 4789 })(frame)
      // The checksum of the packet within, as a tunnel leaves it.
      frame.checksum = 'blank'
      frame.checksumStart = 42 + 8 + 34
      frame.checksumOffset = 6
      frame.view.setUint16(frame.offset + 42 + 8 + 34 + 6, 0)
    })
    await clock.run()
    const at = 42 + 8 + 34 + 6
    const sum = right.received[0][at] * 256 + right.received[0][at + 1]
    expect(sum).not.toBe(0)
    expect(right.received[0].length).toBe(42 + 8 + 142)
    expect(left.device.drops.total).toBe(0)
  })

  it('sends a packet of 65535 bytes behind its Ethernet header by two descriptors', async () => {
    const { clock, left, right } = pair({}, { tx: 1, txBytes: 69_632 })
    left.send(tcp(pattern(65_495), { gsoSize: 1460 }))
    await clock.run()
    expect(right.received.reduce((sum, frame) => sum + frame.length - 54, 0)).toBe(65_495)
    expect(left.device.drops.total).toBe(0)
  })

  it('cannot send from memory that is not the driver domain: dropped in its turn, counted', async () => {
    const { clock, left, right } = pair()
    const foreign = new FramePool(privateArena(2048), { frames: 1, bytesEach: 2048 })
    const frame = foreign.take() as Frame
    udp(pattern(10))(frame)
    left.send(udp(pattern(11)))
    left.driver.transmit(frame)
    left.send(udp(pattern(12)))
    await clock.run()
    expect(right.received.map(({ length }) => length)).toEqual([53, 54])
    expect(left.device.drops.frames('nic_tx_rights')).toBe(1)
    expect(foreign.free).toBe(1)
  })

  it('frames for which no bridge port is there yet wait, and sending goes on meanwhile', async () => {
    const { clock, left, right } = pair()
    const { onReceive } = right.driver
    right.driver.onReceive = null
    for (let i = 0; i < 5; i++) left.send(udp(pattern(10 + i)))
    for (let i = 0; i < 5; i++) right.send(udp(pattern(20)))
    await clock.run()
    expect([right.received.length, right.driver.standing, left.received.length]).toEqual([0, 0, 5])
    right.driver.onReceive = onReceive
    right.driver.kick()
    await clock.run()
    expect(right.received.map(({ length }) => length)).toEqual([52, 53, 54, 55, 56])
  })
})
