import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { ForwardingTable, MAX_FORWARDED } from './forwarding-table.js'
import { PairTable } from './pair-table.js'

describe('PairTable', () => {
  it('is a map of two words, through any order of changes', () => {
    const random = new Random(3)
    const table = new PairTable(32)
    const model = new Map<string, number>()
    for (let step = 0; step < 3000; step++) {
      const first = random.below(4)
      const second = (random.below(16) * 0x10000000) >>> 0
      const key = `${first} ${second}`
      if (random.chance(0.5)) {
        const fits = model.has(key) || model.size < 32
        expect(table.set(first, second, step)).toBe(fits)
        if (fits) model.set(key, step)
      } else expect(table.delete(first, second | 0)).toBe(model.delete(key))
      expect(table.size).toBe(model.size)
      expect(table.get(first, second)).toBe(model.get(key) ?? -1)
    }
    for (const [key, value] of model) {
      const [first, second] = key.split(' ').map(Number)
      expect(table.get(first, second)).toBe(value)
    }
  })
})

describe('ForwardingTable', () => {
  const mac = (low: number) => ({ high: 0x0016, low })

  it('refuses a duplicate, and shows frames only once it is pointed at somebody', () => {
    const table = new ForwardingTable<string>()
    expect([table.reserve(mac(1)), table.reserve(mac(1))]).toEqual(['reserved', 'duplicate'])
    expect(table.lookup(0x0016, 1)).toBeNull()
    table.point(mac(1), 'guest 1')
    expect([table.lookup(0x0016, 1), table.lookup(0x0016, 2)]).toEqual(['guest 1', null])
    table.point(mac(1), null)
    expect(table.lookup(0x0016, 1)).toBeNull()
    table.release(mac(1))
    expect(table.reserve(mac(1))).toBe('reserved')
  })

  it('LC-07: a vif that goes takes only its own address with it', () => {
    const table = new ForwardingTable<string>()
    for (const low of [1, 2]) {
      table.reserve(mac(low))
      table.point(mac(low), `guest ${low}`)
    }
    table.release(mac(1))
    const seen: string[] = []
    table.each((target) => seen.push(target))
    expect(seen).toEqual(['guest 2'])
  })

  it('holds 256 addresses', () => {
    const table = new ForwardingTable<number>()
    for (let i = 0; i < MAX_FORWARDED; i++) expect(table.reserve(mac(i))).toBe('reserved')
    expect(table.reserve(mac(1000))).toBe('full')
    table.release(mac(7))
    expect([table.reserve(mac(1000)), table.size]).toEqual(['reserved', 256])
  })
})
