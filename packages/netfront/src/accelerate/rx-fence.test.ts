import { FENCE_SLOTS, FencePage } from '@netaccel/core'
import type { FlowKey } from '@netaccel/core'
import { FramePool, Random, writeUdp } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { TestQueue } from '../testing/queue-rig.js'
import { RxFence } from './rx-fence.js'

const MAC = Uint8Array.of(0, 22, 62, 0, 0, 1)
const IP = Uint8Array.of(10, 0, 0, 1)
const RX_DEPTH = 16

function keyOf(port: number): FlowKey {
  return { protocol: 17, mac: '00:16:3e:00:00:01', destination: '10.0.0.1', destinationPort: port }
}

function make() {
  const clock = new VirtualClock()
  const queue = new TestQueue()
  Object.assign(queue, { engine: clock.engine('guest') })
  const bytes = new Uint8Array(new SharedArrayBuffer(4096))
  const view = { bytes, view: new DataView(bytes.buffer), offset: 0, length: 4096 }
  const words = new Int32Array(bytes.buffer)
  const got: number[] = []
  const counts = { overruns: 0 }
  const fence = new RxFence(
    {
      queue,
      rxDepth: RX_DEPTH,
      holdNs: 20e6,
      hand: (frame) => {
        got.push(frame.id)
        frame.release()
      },
      overrun: () => void counts.overruns++,
    },
    view,
  )
  const memory = new Uint8Array(new ArrayBuffer(1 << 18))
  const arena = { view: new DataView(memory.buffer), bytes: memory, offset: 0, length: memory.length }
  const pool = new FramePool(arena, { frames: 64, bytesEach: 2048 })
  const page = new FencePage(view)
  /** A frame to this port comes out of the fast path. */
  const deliver = (port: number, id: number): void => {
    const frame = pool.take() as Frame
    const ends = { sourceMac: MAC, destinationMac: MAC, source: IP, destination: IP }
    writeUdp(frame, { ...ends, sourcePort: 9, destinationPort: port, payloadLength: 18 })
    frame.id = id
    if (fence.keeps(frame)) return
    got.push(id)
    frame.release()
  }
  const ask = (slot: number, ticket: number, key: FlowKey): void => {
    page.ask(slot, ticket, key)
    page.ringBack()
  }
  return { clock, queue, fence, page, words, got, counts, pool, deliver, ask }
}

/** A slot whose flow is held from here on. */
function holding(world = make(), port = 80, ticket = 1) {
  world.ask(0, ticket, keyOf(port))
  world.fence.look()
  world.fence.polled(0, true)
  return world
}

describe('the order fence of the way in, at the guest', () => {
  it('drains what stands in the fast path before it holds, then says so', () => {
    const world = make()
    world.ask(3, 7, keyOf(80))
    world.fence.look()
    world.deliver(80, 1)
    world.fence.polled(1, false)
    expect(world.page.held(3, 7)).toBe(false)
    world.deliver(80, 2)
    world.fence.polled(1, true)
    expect(world.page.held(3, 7)).toBe(true)
    expect(world.queue.notified).toBe(1)
    world.deliver(80, 3)
    expect(world.got).toEqual([1, 2])
    expect(world.fence.held).toBe(1)
  })

  it('holds after as many frames as could have stood there, though it never was empty', () => {
    const world = make()
    world.ask(0, 1, keyOf(80))
    world.fence.look()
    world.fence.polled(RX_DEPTH - 1, false)
    expect(world.page.held(0, 1)).toBe(false)
    world.fence.polled(1, false)
    expect(world.page.held(0, 1)).toBe(true)
  })

  it('holds the frames of that flow alone, and lets them go exactly at the index, in order', () => {
    const world = holding()
    world.deliver(80, 1)
    world.deliver(81, 2)
    world.deliver(80, 3)
    world.fence.reached(0xffffffff)
    world.page.reach(0, 1, 2)
    world.fence.reached(0xffffffff)
    world.fence.reached(1)
    expect(world.got).toEqual([2])
    world.fence.reached(2)
    expect(world.got).toEqual([2, 1, 3])
    expect(world.page.released(0, 1)).toBe(true)
    world.deliver(80, 4)
    expect(world.got).toEqual([2, 1, 3, 4])
    expect(world.counts.overruns).toBe(0)
    expect(world.pool.free).toBe(64)
  })

  it('reads the index once: what netback writes there later counts no more', () => {
    const world = holding()
    world.deliver(80, 1)
    world.page.reach(0, 1, 1000)
    world.fence.reached(10)
    world.page.reach(0, 1, 0)
    world.fence.reached(11)
    expect(world.got).toEqual([])
    world.fence.reached(1000)
    expect(world.got).toEqual([1])
  })

  it('lets go after 20 ms without a mark, and counts it', async () => {
    const world = holding()
    world.deliver(80, 1)
    await world.clock.run({ for: 19_900_000 })
    expect(world.got).toEqual([])
    await world.clock.run({ for: 200_000 })
    expect(world.got).toEqual([1])
    expect(world.counts.overruns).toBe(1)
    expect(world.queue.polls).toBe(1)
  })

  it('lets go when all that the fast path can receive is held, the fullest flow first', () => {
    const world = holding()
    world.ask(1, 2, keyOf(81))
    world.fence.look()
    world.fence.polled(0, true)
    for (let i = 0; i < RX_DEPTH - 1; i++) world.deliver(80, i)
    world.deliver(81, 100)
    expect(world.got).toEqual([])
    world.deliver(81, 101)
    expect(world.got).toEqual(Array.from({ length: RX_DEPTH - 1 }, (_, i) => i))
    expect(world.counts.overruns).toBe(1)
    world.page.reach(1, 2, 0)
    world.fence.reached(0)
    expect(world.got.slice(RX_DEPTH - 1)).toEqual([100, 101])
  })

  it('ends a hold whose slot is given to another flow', () => {
    const world = holding()
    world.deliver(80, 1)
    world.ask(0, 2, keyOf(81))
    world.fence.look()
    expect(world.got).toEqual([1])
    world.fence.polled(0, true)
    world.deliver(81, 2)
    world.fence.close()
    expect(world.got).toEqual([1, 2])
  })

  it('answers a key that no frame can match at once, and holds nothing for it', () => {
    const world = make()
    world.ask(0, 5, keyOf(80))
    world.words[32 + 10] = 0x12345
    world.fence.look()
    expect([world.page.held(0, 5), world.page.released(0, 5)]).toEqual([true, true])
    world.fence.polled(0, true)
    world.deliver(80, 1)
    expect(world.got).toEqual([1])
  })

  it('whatever netback scribbles, loses no frame, doubles none and holds none for ever', async () => {
    const random = new Random(11)
    const world = make()
    let sent = 0
    for (let round = 0; round < 3000; round++) {
      for (let i = random.below(6); i > 0; i--) {
        const any = random.below(3) === 0 ? random.next32() | 0 : random.below(4)
        world.words[random.below(1024)] = any
      }
      if (random.below(3) === 0)
        world.ask(random.below(FENCE_SLOTS), random.below(5), keyOf(80 + random.below(3)))
      world.fence.look()
      const budget = random.below(8)
      for (let i = 0; i < budget; i++) world.deliver(80 + random.below(4), sent++)
      world.fence.polled(budget, random.below(2) === 0)
      world.fence.reached(random.next32() | 0)
      expect(world.fence.held).toBeLessThanOrEqual(RX_DEPTH)
    }
    await world.clock.run()
    expect(world.fence.held).toBe(0)
    expect(world.got.length).toBe(sent)
    expect(new Set(world.got).size).toBe(sent)
    expect(world.pool.free).toBe(64)
  })
})
