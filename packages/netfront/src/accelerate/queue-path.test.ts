import type { Frame } from '@netaccel/packet'
import { getHeapSpaceStatistics } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { DEPTH, setup } from '../testing/queue-rig.js'
import type { Setup } from '../testing/queue-rig.js'

function take({ frames }: Setup): Frame {
  const frame = frames.take()
  if (frame === undefined) throw new Error('no frame')
  frame.length = 60
  return frame
}

function burst(world: Setup, count: number): string[] {
  const offers: string[] = []
  if (!world.path.beginBurst()) offers.push('shut')
  for (let i = 0; i < count && offers.at(-1) !== 'stop'; i++) offers.push(world.path.offer(take(world)))
  world.path.endBurst()
  return offers
}

/** Bytes of objects. Machine code is the compiler's, and comes in steps of 128 KiB. */
function objectBytes(): number {
  let used = 0
  for (const space of getHeapSpaceStatistics())
    if (!space.space_name.startsWith('code_')) used += space.space_used_size
  return used
}

describe('the fast path of a queue', () => {
  it('lends what is accepted and takes it back when it is completed', () => {
    const world = setup()
    expect(burst(world, 3)).toEqual(['taken', 'taken', 'taken'])
    expect(world.path.lease.byKind).toMatchObject({ lent: 3, burst: 0 })
    expect(world.path.poll(64)).toBe(0)
    expect(world.path.lease.held).toBe(0)
    expect(world.frames.free).toBe(256)
    expect(world.counters).toMatchObject({ tx_packets: 3, tx_bytes: 180, tx_completed: 3 })
  })

  it('parks one busy frame, stops, and offers it again only after a completion', () => {
    const world = setup()
    world.plugin.limit = 2
    expect(burst(world, 5)).toEqual(['taken', 'taken', 'stop'])
    expect(world.queue.stopped).toBe(true)
    expect(world.path.hasRoom()).toBe(false)
    expect(world.plugin.count).toBe(2)
    world.path.poll(64)
    // The parked frame went first, as soon as there was room.
    expect(world.plugin.count).toBe(1)
    expect(world.path.hasRoom()).toBe(true)
    expect(world.queue.slow).toEqual([])
  })

  it.each([
    ['the fast path', 'the ring'],
    ['the ring', 'the fast path'],
  ])('scenario 11: both are full: one frame is parked, and %s free alone, then %s, wakes once', (first) => {
    const world = setup()
    const { queue, path, plugin } = world
    plugin.limit = 2
    expect(burst(world, 5)).toEqual(['taken', 'taken', 'stop'])
    queue.room = 0
    queue.wakes = 0
    const free = {
      'the fast path': () => void path.poll(64),
      'the ring': () => {
        queue.room = 10
      },
    }
    free[first === 'the ring' ? 'the ring' : 'the fast path']()
    queue.wakeIfReady()
    expect([queue.wakes, queue.stopped]).toEqual([0, true])
    free[first === 'the ring' ? 'the fast path' : 'the ring']()
    queue.wakeIfReady()
    expect([queue.wakes > 0, queue.stopped]).toEqual([true, false])
    // The parked frame went by the path that it had waited for, once.
    expect([plugin.count, queue.slow.length, path.hasParked]).toEqual([1, 0, false])
  })

  it('never lends more than txDepth, whatever the plugin says', () => {
    const world = setup()
    world.plugin.limit = 1000
    const offers = burst(world, DEPTH + 1)
    expect(offers.slice(0, DEPTH).every((offer) => offer === 'taken')).toBe(true)
    expect(offers[DEPTH]).toBe('stop')
    expect(world.path.lent.size).toBe(DEPTH)
  })

  it('does not offer what needs a capability that is not declared', () => {
    const world = setup()
    const gso = take(world)
    gso.gsoSize = 1448
    const blank = take(world)
    blank.checksum = 'blank'
    world.path.beginBurst()
    expect([world.path.offer(gso), world.path.offer(blank)]).toEqual(['declined', 'declined'])
    world.path.endBurst()
    expect(world.plugin.count).toBe(0)
  })

  it('counts a frame that is accepted without the capability tx (VN-06)', () => {
    const world = setup(new Set())
    expect(burst(world, 1)).toEqual(['taken'])
    expect(world.tally.violations.get('VN-06')).toBe(1)
  })

  it('refuses what the contract does not allow at the doors, and counts it under its rule', () => {
    const world = setup()
    burst(world, 1)
    const lent = world.plugin.held[0]
    world.plugin.doors.completeTx(lent)
    world.plugin.doors.deliver(take(world))
    expect(world.path.lent.size).toBe(1)
    world.path.poll(64)
    const { plugin } = world
    plugin.poll = () => {
      plugin.doors.completeTx(lent)
      return 'idle'
    }
    world.path.poll(64)
    expect(Object.fromEntries(world.tally.violations)).toEqual({ 'TX-02': 2, 'RX-01': 1 })
    world.path.clear()
    plugin.doors.schedule()
    plugin.doors.deliver(take(world))
    expect(world.tally.lateCalls).toBe(2)
  })

  it('takes delivery only of frames that the plugin holds of its own pools (RX-05)', () => {
    const world = setup()
    burst(world, 1)
    const { plugin } = world
    const [lent] = plugin.held as Frame[]
    const own = plugin.rx.take() as Frame
    own.length = 60
    own.hold()
    plugin.poll = () => {
      plugin.doors.deliver(lent)
      plugin.doors.deliver(own)
      plugin.doors.deliver(own)
      return 'idle'
    }
    expect(world.path.poll(64)).toBe(1)
    expect(Object.fromEntries(world.tally.violations)).toEqual({ 'RX-05': 2 })
    expect([lent.holders, own.holders, world.path.lent.size]).toEqual([1, 1, 1])
    expect(world.counters).toMatchObject({ rx_packets: 1, rx_bytes: 60 })
  })

  it('keeps a frame on which the plugin failed aside: the hardware may still read it', () => {
    const world = setup()
    world.plugin.startXmit = (frame) => {
      world.plugin.held[world.plugin.count++] = frame
      throw new Error('after the descriptor was posted')
    }
    expect(burst(world, 1)).toEqual(['taken'])
    const [frame] = world.plugin.held as Frame[]
    expect([frame.holders, world.frames.free, world.path.aside]).toEqual([1, 255, 1])
    expect(world.counters.dropped.entries()).toEqual([
      { reason: 'accelerator_fault', frames: 1, segments: 1, bytes: 60 },
    ])
    world.path.force()
    world.path.clear()
    expect(frame.holders).toBe(1)
    world.path.quiet()
    expect([frame.holders, world.frames.free, world.path.aside]).toEqual([0, 256, 0])
  })

  it('sends the parked frame by the ring when the gate shuts, or when a slot is free', () => {
    const world = setup()
    world.plugin.limit = 0
    world.queue.room = 0
    expect(burst(world, 1)).toEqual(['stop'])
    world.path.shutGate()
    world.path.clear()
    // It is the last attachment's, and still next.
    expect(world.queue.fastPath).toBe(world.path)
    world.queue.room = 5
    world.path.poll(64)
    expect(world.queue.slow).toHaveLength(1)
    expect(world.queue.fastPath).toBe(null)
  })

  it('says when a frame has been busy for a second without a completion', async () => {
    const world = setup()
    const { queue, plugin, timeouts } = world
    plugin.limit = 0
    burst(world, 1)
    await queue.clock.run({ for: 999_000_000 })
    expect(timeouts).toEqual([])
    await queue.clock.run({ for: 2_000_000 })
    expect(timeouts).toEqual([0])
  })

  it.each([
    ['a burst that ends exactly at txDepth', { frames: DEPTH, dry: false }],
    ['all that a pool of fewer frames has', { frames: 8, dry: true }],
  ])('says when hardware keeps %s for a second, with nothing parked', async (_, { frames, dry }) => {
    const world = setup()
    const { queue, path, plugin, timeouts } = world
    plugin.poll = () => 'idle'
    queue.dry = dry
    burst(world, frames)
    expect([path.hasParked, queue.stopped, path.lent.size]).toEqual([false, !dry, frames])
    await queue.clock.run({ for: 999_000_000 })
    expect(timeouts).toEqual([])
    await queue.clock.run({ for: 2_000_000 })
    expect(timeouts).toEqual([0])
  })

  it('says when hardware keeps what it has for a second after the parked frame took the last place', async () => {
    const world = setup()
    const { queue, path, plugin, timeouts } = world
    plugin.limit = 2
    burst(world, 3)
    await queue.clock.run({ for: 600_000_000 })
    // One is completed, the parked frame takes its place, and then it stands still.
    plugin.poll = () => {
      plugin.doors.completeTx(plugin.held[--plugin.count])
      return 'idle'
    }
    path.poll(64)
    expect([path.hasParked, path.hasRoom(), plugin.count]).toEqual([false, false, 2])
    await queue.clock.run({ for: 999_000_000 })
    expect(timeouts).toEqual([])
    await queue.clock.run({ for: 2_000_000 })
    expect(timeouts).toEqual([0])
  })

  it('does not call it standing still that nothing is sent, or that a completion came within the second', async () => {
    const world = setup()
    const { queue, path, plugin, timeouts } = world
    burst(world, DEPTH)
    await queue.clock.run({ for: 600_000_000 })
    path.poll(64)
    queue.wakeIfReady()
    await queue.clock.run({ for: 5_000_000_000 })
    plugin.limit = 1
    burst(world, 1)
    await queue.clock.run({ for: 900_000_000 })
    path.poll(64)
    burst(world, 1)
    await queue.clock.run({ for: 900_000_000 })
    path.poll(64)
    expect(timeouts).toEqual([])
  })

  it('allocates nothing per frame (PF-01)', () => {
    const world = setup()
    world.plugin.receive = 32
    const frames = Array.from({ length: 32 }, () => take(world))
    for (const frame of frames) frame.release()
    const cycle = (): void => {
      world.path.beginBurst()
      for (let i = 0; i < 32; i++) {
        const frame = world.frames.take()
        if (frame === undefined) throw new Error('no frame')
        frame.length = 60
        world.path.offer(frame)
      }
      world.path.endBurst()
      world.path.poll(64)
    }
    // The least of several rounds: the compiler allocates too while the code warms up, what a frame costs it costs always.
    let grown = Infinity
    for (let round = 0; round < 12; round++) {
      globalThis.gc?.()
      const before = objectBytes()
      for (let i = 0; i < 4000; i++) cycle()
      grown = Math.min(grown, objectBytes() - before)
    }
    // 4,000 bursts of 32 frames out and 32 in; what is left is the bursts' own.
    expect(grown / (4000 * 64)).toBeLessThan(0.5)
  })
})
