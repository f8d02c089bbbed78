import { describe, expect, it } from 'vitest'
import { FillTarget } from './fill-target.js'

describe('the number of pages that stand posted', () => {
  it('doubles when less than a quarter is left, up to the ring', () => {
    const target = new FillTarget(256)
    const seen = [64, 16, 15, 0, 0].map((unused) => {
      target.adjust(unused)
      return target.current
    })
    expect(seen).toEqual([64, 64, 128, 256, 256])
  })

  it('goes down by one while more than three quarters are left, to 64', () => {
    const target = new FillTarget(256)
    for (let i = 0; i < 2; i++) target.adjust(0)
    target.adjust(192)
    expect(target.current).toBe(256)
    target.adjust(193)
    expect(target.current).toBe(255)
    for (let i = 0; i < 300; i++) target.adjust(target.current)
    expect(target.current).toBe(64)
  })

  it('fits a ring of fewer slots', () => {
    const target = new FillTarget(32)
    target.adjust(0)
    expect(target.current).toBe(32)
  })
})
