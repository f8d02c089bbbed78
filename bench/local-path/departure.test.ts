// What an accelerated vif asks of its backend: answers when a frame has left, word when all have, a mark in the queue.
import { parseIp, parseMac, writeUdp } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { World } from './world.js'
import type { Guest } from './world.js'

const MAC = '00:16:3e:00:00:01'
const LOCAL = '02:00:00:00:00:01'

/** A guest whose frames arrive at the driver domain's own stack, which keeps them until the test lets go. */
async function setUp() {
  const world = await World.create({ timeline: new VirtualClock() })
  const guest = await world.guest('a', MAC)
  const kept: Frame[] = []
  const local = world.bridge.addPort({ name: 'local', send: (frame) => void kept.push(frame) })
  await world.connect(guest)
  const back = world.backVif(guest)?.queues[0]
  const front = guest.vif.queues[0]
  if (back === undefined || front === undefined) throw new Error('the vif has no queue')
  return { world, guest, kept, local, back, front }
}

function frames(guest: Guest, count: number): Frame[] {
  return Array.from({ length: count }, () => {
    const frame = guest.vif.txPool.take(200) as Frame
    const ends = {
      source: parseIp('10.0.0.1'),
      destination: parseIp('10.0.0.2'),
      sourcePort: 1,
      destinationPort: 2,
    }
    writeUdp(frame, {
      sourceMac: parseMac(MAC),
      destinationMac: parseMac(LOCAL),
      ...ends,
      payloadLength: 100,
    })
    return frame
  })
}

describe('the backend of an accelerated vif', () => {
  it('answers at once as a rule, and on departure when asked to, in the order in which frames leave', async () => {
    const { world, guest, kept, back, front } = await setUp()
    expect(guest.vif.transmit(frames(guest, 4), 4)).toBe(4)
    await world.timeline.run({ for: 1e6 })
    expect([kept.length, front.slowOutstanding]).toEqual([4, 0])
    back.answerOnDeparture = true
    guest.vif.transmit(frames(guest, 4), 4)
    await world.timeline.run({ for: 1e6 })
    expect([kept.length, front.slowOutstanding]).toEqual([8, 4])
    kept[6]?.release()
    await world.timeline.run({ for: 1e6 })
    expect(front.slowOutstanding).toBe(3)
    back.answerOnDeparture = false
    await world.timeline.run({ for: 1e6 })
    expect(front.slowOutstanding).toBe(0)
  })

  it('answers after 10 ms all the same, and counts the frame on its way until it has left', async () => {
    const { world, guest, kept, back, front } = await setUp()
    back.answerOnDeparture = true
    guest.vif.transmit(frames(guest, 2), 2)
    await world.timeline.run({ for: 9e6 })
    expect(front.slowOutstanding).toBe(2)
    await world.timeline.run({ for: 2e6 })
    expect([front.slowOutstanding, back.responses.inFlight]).toEqual([0, 2])
    for (const frame of kept) frame.release()
    expect(back.responses.inFlight).toBe(0)
  })

  it('says when all that was on the way has left, whatever came later', async () => {
    const { world, guest, kept, back } = await setUp()
    guest.vif.transmit(frames(guest, 3), 3)
    await world.timeline.run({ for: 1e6 })
    let told = 0
    back.whenDeparted(() => told++)
    guest.vif.transmit(frames(guest, 2), 2)
    await world.timeline.run({ for: 1e6 })
    for (const frame of kept.splice(3)) frame.release()
    kept[0]?.release()
    kept[1]?.release()
    expect(told).toBe(0)
    kept[2]?.release()
    expect(told).toBe(1)
    back.whenDeparted(() => told++)
    expect(told).toBe(2)
  })

  it('tells the response index behind what stood in the queue when the mark was set', async () => {
    const { world, guest, local, back, front } = await setUp()
    guest.vif.stack = { receive: (frame) => frame.release(), wake: () => {} }
    const consumed = () => front.connection?.rx.ring.rspCons ?? -1
    const from = consumed()
    let at = -1
    const pool = guest.vif.txPool
    for (const frame of frames(guest, 3)) {
      // The driver domain's own stack sends: any frame will do, it is copied into the guest's pages.
      const driver = back.frames.take(frame.length) as Frame
      driver.bytes.set(frame.bytes.subarray(frame.offset, frame.offset + frame.length), driver.offset)
      driver.length = frame.length
      frame.release()
      // From the local station to the guest.
      for (let i = 0; i < 6; i++) {
        const swap = driver.bytes[driver.offset + i]
        driver.bytes[driver.offset + i] = driver.bytes[driver.offset + 6 + i]
        driver.bytes[driver.offset + 6 + i] = swap
      }
      local.receive(driver)
      if (at === -1 && back.queued === 2) back.mark((index) => (at = index))
    }
    expect([back.queued, at]).toEqual([3, -1])
    await world.timeline.run({ for: 1e6 })
    expect([at, consumed(), pool.small.free]).toEqual([from + 2, from + 3, pool.small.size])
    back.mark((index) => (at = index))
    expect(at).toBe(from + 3)
  })
})
