import { describe, expect, it } from 'vitest'
import { Random } from './random.js'

function draw(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.next32())
}

describe('Random', () => {
  it('gives the numbers of the reference implementation of xoshiro128**', () => {
    expect(draw(Random.fromState(1, 2, 3, 4), 10)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ])
  })

  it('gives the same numbers for the same seed, for ever', () => {
    expect(draw(new Random(42), 4)).toEqual([660444221, 3652823732, 77672526, 910233633])
    expect(draw(new Random('netaccel'), 1)).toEqual([4181787239])
    expect(new Random(42).fork('a').next32()).toBe(2272063503)
    expect(new Random(42).fork('b').next32()).toBe(826953405)
    expect(new Random(1).float()).toBe(0.09156953175513294)
  })

  it('forks do not depend on what was drawn, and differ by seed and label', () => {
    const random = new Random(42)
    draw(random, 100)
    expect(random.fork('a').next32()).toBe(2272063503)
    const firsts = ['a', 'b', 'ab', 'ba', ''].flatMap((label) =>
      [0, 1, 2].map((seed) => new Random(seed).fork(label).next32()),
    )
    expect(new Set(firsts).size).toBe(15)
  })

  it('below(n) gives each of 0 to n - 1, evenly', () => {
    const random = new Random(7)
    const counts = new Array<number>(7).fill(0)
    for (let i = 0; i < 70_000; i++) counts[random.below(7)]++
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400)
    expect(new Random(7).below(0x100000000)).toBe(new Random(7).next32())
    expect(random.below(1)).toBe(0)
  })

  it('below(n) draws again rather than favour small numbers', () => {
    const n = 0xc0000000
    const random = new Random(9)
    const plain = new Random(9)
    for (let i = 0; i < 100; i++) {
      let drawn = plain.next32()
      while (drawn < 0x40000000) drawn = plain.next32()
      expect(random.below(n)).toBe(drawn % n)
    }
  })

  it.each([0, -1, 1.5, Number.NaN, 0x100000001])('refuses below(%d)', (n) => {
    expect(() => new Random(1).below(n)).toThrow('give a whole number')
  })

  it('between includes both ends; chance is never at 0 and always at 1', () => {
    const [twin, plain] = [new Random(8), new Random(8)]
    for (let i = 0; i < 200; i++) expect(twin.chance(0.3)).toBe(plain.float() < 0.3)
    const random = new Random(3)
    const seen = new Set(Array.from({ length: 200 }, () => random.between(-1, 1)))
    expect([...seen].sort((a, b) => a - b)).toEqual([-1, 0, 1])
    expect(Array.from({ length: 100 }, () => random.chance(0))).not.toContain(true)
    expect(Array.from({ length: 100 }, () => random.chance(1))).not.toContain(false)
    const hits = Array.from({ length: 10_000 }, () => random.chance(0.25)).filter(Boolean).length
    expect(Math.abs(hits - 2500)).toBeLessThan(150)
  })

  it('shuffles without losing, picks from all, fills only its range', () => {
    const random = new Random(5)
    const items = Array.from({ length: 20 }, (_, i) => i)
    const shuffled = random.shuffle([...items])
    expect(shuffled).not.toEqual(items)
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items)
    expect(new Set(Array.from({ length: 100 }, () => random.pick('abc'.split('')))).size).toBe(3)
    const bytes = new Uint8Array(20)
    random.fill(bytes, 3, 10)
    expect([...bytes.slice(0, 3), ...bytes.slice(13)]).toEqual(new Array(10).fill(0))
    expect(new Set(bytes.slice(3, 13)).size).toBeGreaterThan(5)
  })
})
