import type { Arena } from '@netaccel/core'
import { privateArena, Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { CopyRing } from './copy-ring.js'

const arena = (length: number): Arena => ({ ...privateArena(length), pages: [] })

describe('CopyRing', () => {
  it('never lets two places overlap, never wraps one, and is whole again when all are freed', () => {
    const size = 64 * 1024
    const ring = new CopyRing(arena(size))
    const random = new Random(7)
    const taken: { at: number; length: number; cost: number }[] = []
    let full = 0
    for (let step = 0; step < 20_000; step++) {
      const length = random.chance(0.3) ? random.between(1, ring.longest) : random.between(1, 2000)
      const cost = ring.costOf(length)
      if (cost === 0) {
        full++
        const first = taken.shift()
        if (first !== undefined) ring.free(first.cost)
        continue
      }
      const at = ring.place(cost, length)
      if (at + length > size) throw new Error(`step ${step}: ${length} bytes at ${at} leave the ring`)
      const overlaps = taken.filter((other) => at < other.at + other.length && other.at < at + length)
      if (overlaps.length > 0) throw new Error(`step ${step}: ${length} bytes at ${at} overlap another place`)
      taken.push({ at, length, cost })
    }
    expect(full).toBeGreaterThan(1000)
    for (const { cost } of taken) ring.free(cost)
    expect(ring.costOf(ring.longest)).toBe(ring.longest)
  })

  it('TX-07: a frame of the longest length always fits an empty ring', () => {
    const ring = new CopyRing(arena(8192))
    expect(ring.longest).toBe(4096)
    for (let i = 0; i < 100; i++) {
      const cost = ring.costOf(4096)
      expect(cost).toBeGreaterThan(0)
      ring.place(cost, 4096)
      ring.free(cost)
    }
  })
})
