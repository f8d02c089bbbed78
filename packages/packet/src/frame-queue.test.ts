import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Frame } from './frame.js'
import { FramePool } from './frame-pool.js'
import { FrameQueue } from './frame-queue.js'
import { privateArena } from './memory.js'

function pool(frames: number): FramePool {
  return new FramePool(privateArena(frames * 64), { frames, bytesEach: 64 })
}

function sums(frames: readonly Frame[]): [number, number, number] {
  const bytes = frames.reduce((sum, frame) => sum + frame.length, 0)
  return [frames.length, bytes, frames.reduce((sum, frame) => sum + frame.segments, 0)]
}

describe('FrameQueue', () => {
  it('behaves as an array, whatever is done to two queues', () => {
    const step = fc.record({
      act: fc.constantFrom('push', 'shift', 'unshift', 'append'),
      which: fc.nat({ max: 1 }),
      length: fc.nat({ max: 64 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const frames = pool(64)
        const queues = [new FrameQueue(), new FrameQueue()]
        const models: Frame[][] = [[], []]
        for (const { act, which, length } of steps) {
          const queue = queues[which]
          const model = models[which]
          if (act === 'append') {
            queue.append(queues[1 - which])
            model.push(...models[1 - which].splice(0))
          } else if (act === 'shift') expect(queue.shift()).toBe(model.shift())
          else {
            const frame = frames.take()!
            frame.length = length
            frame.segments = 1 + (length % 3)
            queue[act](frame)
            model[act](frame)
          }
          for (const i of [0, 1]) {
            expect([queues[i].count, queues[i].bytes, queues[i].segments]).toEqual(sums(models[i]))
            expect(queues[i].peek()).toBe(models[i][0] ?? null)
          }
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  it('refuses a frame twice, at its tail and in the middle', () => {
    const frames = pool(2)
    const queue = new FrameQueue()
    const [a, b] = [frames.take()!, frames.take()!]
    queue.push(a)
    expect(() => queue.push(a)).toThrow('already stands in a queue')
    expect(() => queue.unshift(a)).toThrow('already stands in a queue')
    queue.push(b)
    expect(() => queue.push(a)).toThrow('already stands in a queue')
    expect(queue.count).toBe(2)
  })

  it('appending a queue to itself changes nothing', () => {
    const frames = pool(1)
    const queue = new FrameQueue()
    queue.push(frames.take()!)
    queue.append(queue)
    expect(queue.count).toBe(1)
  })

  it('releases all', () => {
    const frames = pool(5)
    const queue = new FrameQueue()
    for (let i = 0; i < 5; i++) queue.push(frames.take()!)
    expect(queue.releaseAll()).toBe(5)
    expect([frames.free, queue.count, queue.bytes, queue.segments]).toEqual([5, 0, 0, 0])
    expect(queue.shift()).toBeUndefined()
  })
})
