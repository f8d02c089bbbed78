import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Frame } from './frame.js'
import { FramePool } from './frame-pool.js'
import { FrameRing } from './frame-ring.js'
import { privateArena } from './memory.js'

const pool = (frames: number): FramePool =>
  new FramePool(privateArena(frames * 64), { frames, bytesEach: 64 })

describe('FrameRing', () => {
  it('behaves as an array, however often it grows and turns', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 6 }), { maxLength: 200 }), (acts) => {
        const frames = pool(200)
        const ring = new FrameRing(3)
        const model: Frame[] = []
        for (const act of acts) {
          if (act < 3) expect(ring.shift()).toBe(model.shift())
          else {
            const frame = frames.take()!
            frame.segments = act
            ring.push(frame)
            model.push(frame)
          }
          expect(ring.peek()).toBe(model[0] ?? null)
          expect([ring.count, ring.segments]).toEqual([
            model.length,
            model.reduce((sum, { segments }) => sum + segments, 0),
          ])
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  it('holds a frame that stands in another queue, and twice in one', () => {
    const frames = pool(2)
    const [a, b] = [frames.take()!, frames.take()!]
    const [one, other] = [new FrameRing(), new FrameRing()]
    a.hold()
    a.hold()
    for (const frame of [a, b]) one.push(frame)
    for (const frame of [a, a]) other.push(frame)
    expect([one.shift(), one.shift(), other.shift(), other.shift()]).toEqual([a, b, a, a])
    expect([one.count, other.count, one.peek(), other.shift()]).toEqual([0, 0, null, undefined])
  })

  it('gives up one reference of each', () => {
    const frames = pool(3)
    const ring = new FrameRing(2)
    for (let frame = frames.take(); frame !== undefined; frame = frames.take()) ring.push(frame)
    ring.peek()?.hold()
    const kept = ring.peek()
    expect(ring.releaseAll()).toBe(3)
    expect([frames.free, kept?.holders, ring.count]).toEqual([2, 1, 0])
  })
})
