import { Frame, privateArena, wordsOf } from '@netaccel/packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { QUEUE_CAP_BYTES, SendQueue } from './send-queue.js'

const PLACES = 8192
const words = wordsOf(privateArena(4096).bytes)

function frames(count: number, length: number): Frame[] {
  return Array.from({ length: count }, (_, index) => {
    const frame = new Frame(words, 0, 4096, index, null)
    frame.length = length
    return frame
  })
}

const at = (time: number): Float64Array => new Float64Array([time])

describe('the queue to a guest', () => {
  it('keeps frames in order with the time each came, also where its positions wrap', () => {
    const queue = new SendQueue(0x7ffffffe)
    const [a, b, c, d] = frames(4, 100)
    queue.push(a, at(5))
    expect(queue.pushBurst([a, b, c, d], 1, 4, at(7))).toBe(4)
    expect([queue.count, queue.bytes, queue.entered]).toEqual([4, 400, -0x7ffffffe])
    const seen: unknown[] = []
    for (let frame = queue.peek(); frame !== null; frame = queue.peek()) {
      seen.push([frame.index, queue.since, queue.left])
      queue.shift(frame.length)
    }
    expect(seen).toEqual([
      [0, 5, 0x7ffffffe],
      [1, 7, 0x7fffffff],
      [2, 7, -0x80000000],
      [3, 7, -0x7fffffff],
    ])
    expect([queue.count, queue.bytes]).toEqual([0, 0])
  })

  it('is full at its bytes or its places, for a burst as for one frame after the other', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 2000 }), fc.constantFrom(14, 60, 1514, 65_000)), {
          maxLength: 12,
        }),
        (bursts) => {
          const whole = new SendQueue(-7)
          const single = new SendQueue(-7)
          for (const [count, length] of bursts) {
            const burst = frames(count, length)
            let next = 0
            for (; next < count && !single.full; next++) single.push(burst[next], at(1))
            expect(whole.pushBurst(burst, 0, count, at(1))).toBe(next)
            expect([whole.count, whole.bytes, whole.full]).toEqual([single.count, single.bytes, single.full])
          }
        },
      ),
      { seed: 20130803, numRuns: 60 },
    )
    const queue = new SendQueue()
    expect(queue.pushBurst(frames(PLACES + 1, 14), 0, PLACES + 1, at(0))).toBe(PLACES)
    expect(queue.bytes < QUEUE_CAP_BYTES && queue.full).toBe(true)
  })
})
