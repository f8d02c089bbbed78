import { Random, writeUdp } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { VirtualClock } from '@netaccel/xen'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { setup } from '../testing/queue-rig.js'
import type { Setup } from '../testing/queue-rig.js'
import { FENCE_PATIENCE, TxFence } from './tx-fence.js'

const MAC = Uint8Array.of(0, 22, 62, 0, 0, 1)
const IP = Uint8Array.of(10, 0, 0, 1)

/** A frame of one of our flows, numbered in `id`. */
function flowFrame({ frames }: Setup, flow: number, id: number): Frame {
  const frame = frames.take()
  if (frame === undefined) throw new Error('no frame')
  writeUdp(frame, {
    sourceMac: MAC,
    destinationMac: MAC,
    source: IP,
    destination: IP,
    sourcePort: 1000 + flow,
    destinationPort: 9,
    payloadLength: 18,
  })
  frame.id = id
  return frame
}

function send(world: Setup, frame: Frame): string {
  const open = world.path.beginBurst()
  const offer = open ? world.path.offer(frame) : 'declined'
  if (offer === 'declined') world.queue.sendSlow(frame)
  world.path.endBurst()
  return offer
}

/** The oldest frame of the ring has left. */
function answer({ queue, path }: Setup): Frame {
  const frame = queue.slow.shift()
  if (frame === undefined) throw new Error('the ring is empty')
  queue.room++
  path.slowAnswered(frame)
  frame.release()
  return frame
}

describe('the order fence of the way out', () => {
  it('sends a flow fast at once when none of its frames is on the ring', () => {
    const world = setup()
    expect(send(world, flowFrame(world, 1, 1))).toBe('taken')
    expect(world.plugin.count).toBe(1)
  })

  it('(i) keeps a flow on the ring until its slow frames have left', () => {
    const world = setup()
    world.plugin.verdict = 'declined'
    send(world, flowFrame(world, 1, 1))
    world.plugin.verdict = 'accepted'
    expect(send(world, flowFrame(world, 1, 2))).toBe('declined')
    expect(send(world, flowFrame(world, 2, 3))).toBe('taken')
    expect(world.counters).toMatchObject({ tx_declined: 1, tx_fenced: 1, tx_packets: 1 })
    answer(world)
    answer(world)
    expect(send(world, flowFrame(world, 1, 4))).toBe('taken')
  })

  it('(i) parks a flow that never pauses at its 32nd wish, and moves it when its slow frames have left', () => {
    const world = setup()
    world.plugin.verdict = 'declined'
    send(world, flowFrame(world, 1, 0))
    world.plugin.verdict = 'accepted'
    for (let i = 1; i < FENCE_PATIENCE; i++) expect(send(world, flowFrame(world, 1, i))).toBe('declined')
    expect(send(world, flowFrame(world, 1, 32))).toBe('stop')
    expect(world.counters.fence_to_fast).toBe(1)
    while (world.queue.slow.length > 1) answer(world)
    expect(world.path.hasRoom()).toBe(false)
    expect(world.plugin.count).toBe(0)
    answer(world)
    world.path.hasRoom()
    expect(world.plugin.held[0].segments).toBe(1)
    expect(world.plugin.count).toBe(1)
    expect(world.path.hasParked).toBe(false)
  })

  it('(i) counts wishes in a row: one frame that the plugin cannot take begins the count anew', () => {
    const fence = new TxFence()
    fence.slow[7] = 1
    for (let i = 1; i < FENCE_PATIENCE; i++) expect(fence.asked(7, true)).toBe('ring')
    expect(fence.asked(7, false)).toBe('ring')
    for (let i = 1; i < FENCE_PATIENCE; i++) expect(fence.asked(7, true)).toBe('ring')
    expect(fence.asked(7, true)).toBe('to-fast')
    expect(fence.wants[7]).toBe(0)
  })

  it('(iii) parks a declined frame until the lent ones of its flow have left, and keeps the flow on the ring', () => {
    const world = setup()
    send(world, flowFrame(world, 1, 1))
    world.plugin.verdict = 'declined'
    expect(send(world, flowFrame(world, 2, 2))).toBe('declined')
    expect(send(world, flowFrame(world, 1, 3))).toBe('stop')
    expect(world.queue.slow).toHaveLength(1)
    world.path.poll(64)
    expect(world.queue.slow.map(({ id }) => id)).toEqual([2, 3])
    answer(world)
    answer(world)
    // Sticky: idle as it is, it does not change over at its first wish.
    world.plugin.verdict = 'accepted'
    for (let i = 1; i < FENCE_PATIENCE; i++) {
      expect(send(world, flowFrame(world, 1, 3 + i))).toBe('declined')
      answer(world)
    }
    expect(send(world, flowFrame(world, 1, 99))).toBe('taken')
    expect(world.counters).toMatchObject({ fence_to_slow: 1, fence_to_fast: 0 })
  })

  it('asks for what needs a missing capability as little as it offers it', () => {
    const world = setup()
    send(world, flowFrame(world, 1, 1))
    const gso = flowFrame(world, 1, 2)
    gso.gsoSize = 1448
    expect(send(world, gso)).toBe('stop')
    world.path.poll(64)
    expect(world.queue.slow.map(({ id }) => id)).toEqual([2])
  })

  it('counts what stands in the ring when the attachment begins', () => {
    const world = setup()
    world.path.clear()
    for (let i = 0; i < 3; i++) world.queue.sendSlow(flowFrame(world, 1, i))
    const next = setup(undefined, undefined, world.queue)
    expect(send(next, flowFrame(next, 1, 3))).toBe('declined')
    expect(send(next, flowFrame(next, 2, 4))).toBe('taken')
    for (let i = 0; i < 4; i++) answer(next)
    expect(send(next, flowFrame(next, 1, 5))).toBe('taken')
  })

  it('on a detach lets each flow wait for its lent frames, 20 ms at most', async () => {
    const clock = new VirtualClock()
    const world = setup()
    Object.assign(world.queue, { engine: clock.engine('timed') })
    send(world, flowFrame(world, 1, 1))
    world.path.shutGate()
    expect(send(world, flowFrame(world, 2, 2))).toBe('declined')
    expect(send(world, flowFrame(world, 1, 3))).toBe('stop')
    await clock.run({ for: 19_900_000 })
    expect(world.queue.slow.map(({ id }) => id)).toEqual([2])
    await clock.run({ for: 200_000 })
    expect(world.queue.slow.map(({ id }) => id)).toEqual([2, 3])
    expect(world.counters.fence_expired).toBe(1)
    send(world, flowFrame(world, 1, 4))
    expect(world.counters.fence_expired).toBe(2)
  })

  it('on a forced detach waits for nothing: what was lent has been dropped', async () => {
    const clock = new VirtualClock()
    const world = setup()
    Object.assign(world.queue, { engine: clock.engine('timed') })
    send(world, flowFrame(world, 1, 1))
    world.path.shutGate()
    expect(send(world, flowFrame(world, 1, 2))).toBe('stop')
    expect(world.path.force()).toBe(1)
    await clock.run({ for: 1000 })
    expect(world.queue.slow.map(({ id }) => id)).toEqual([2])
    expect(world.counters.fence_expired).toBe(0)
  })

  it('survives an answer that it did not expect', () => {
    const world = setup()
    const frame = flowFrame(world, 1, 1)
    world.path.slowAnswered(frame)
    send(world, frame)
    world.path.slowAnswered(frame)
    expect(send(world, flowFrame(world, 1, 2))).toBe('taken')
  })
})

/**
 * Frames of a few flows, each declined by chance; the two ways out advance by chance, each in its own order; gates shut
 * and the path drains and is attached anew. Returns how often a frame left before an earlier one of its flow.
 */
function overtakes(seed: number, fence: TxFence | null): { overtakes: number; left: number; sent: number } {
  const random = new Random(seed)
  const world = setup(undefined, fence)
  const declines = new Set<number>()
  const last = new Map<number, number>()
  let sent = 0
  let left = 0
  let count = 0
  world.plugin.refuses = (frame) => declines.has(frame.id)
  const leave = (frame: Frame): void => {
    const flow = frame.view.getUint16(frame.offset + 34)
    if (frame.id < (last.get(flow) ?? -1)) count++
    else last.set(flow, frame.id)
    left++
  }
  world.plugin.left = leave
  const step = (): void => {
    if (random.below(2) === 0 && world.queue.slow.length > 0) leave(answer(world))
    else world.path.poll(64)
    world.path.hasRoom()
  }
  for (let i = 0; i < 3000; i++) {
    const draw = random.below(10)
    if (draw < 6 && !world.path.hasParked && world.frames.free > 1) {
      const frame = flowFrame(world, random.below(4), sent++)
      if (random.below(random.below(2) === 0 ? 4 : 100) === 0) declines.add(frame.id)
      send(world, frame)
      if (fence !== null) {
        for (let b = 0; b < 1024; b++)
          if (fence.slow[b] > 0 && fence.fast[b] > 0) throw new Error('on both ways')
      }
    } else step()
    if (random.below(400) === 0) {
      world.path.shutGate()
      while (world.path.lent.size > 0 || world.path.hasParked) step()
      world.path.openGate()
    }
  }
  while (world.queue.slow.length > 0 || world.path.lent.size > 0 || world.path.hasParked) step()
  return { overtakes: count, left, sent }
}

describe('over any schedule', () => {
  it('no frame overtakes an earlier one of its flow, none is lost, and no bucket is on both ways', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (seed) => {
        const result = overtakes(seed, new TxFence())
        expect(result).toEqual({ overtakes: 0, left: result.sent, sent: result.sent })
      }),
      { seed: 7, numRuns: 12 },
    )
  })

  it('many do without the fence', () => {
    const result = overtakes(1, null)
    expect(result.left).toBe(result.sent)
    expect(result.overtakes).toBeGreaterThan(50)
  })
})
