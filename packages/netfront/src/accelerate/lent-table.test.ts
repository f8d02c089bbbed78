import { FramePool } from '@netaccel/packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LentTable } from './lent-table.js'

const bytes = new Uint8Array(new ArrayBuffer(1 << 20))
const arena = { view: new DataView(bytes.buffer), bytes, offset: 0, length: bytes.length }
const { frames } = new FramePool(arena, { frames: 256, bytesEach: 2048 })

describe('the table of lent frames', () => {
  it('holds what was added and not removed, whatever the order', () => {
    const step = fc.tuple(fc.boolean(), fc.nat({ max: 255 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const table = new LentTable(64)
        const model = new Set<number>()
        for (const [add, index] of steps) {
          const frame = frames[index]
          if (frame === undefined) throw new Error('no frame')
          if (add && model.size < table.capacity && !model.has(index)) {
            table.add(frame)
            model.add(index)
          } else if (!add) expect(table.remove(frame)).toBe(model.delete(index))
          expect(table.size).toBe(model.size)
        }
        const held = table.list().map((frame) => frame.index)
        expect(new Set(held)).toEqual(model)
        expect(held).toHaveLength(model.size)
        for (const frame of frames) expect(table.has(frame)).toBe(model.has(frame.index))
      }),
      { seed: 20260101, numRuns: 300 },
    )
  })

  it('tells apart two frames over the same buffer', () => {
    const table = new LentTable(4)
    const twin = new FramePool(arena, { frames: 1, bytesEach: 2048 }).frames[0]
    const [first] = frames
    if (twin === undefined || first === undefined) throw new Error('no frame')
    table.add(first)
    expect(table.has(twin)).toBe(false)
    expect(table.remove(twin)).toBe(false)
    expect(table.remove(first)).toBe(true)
  })
})
