import { describe, expect, it } from 'vitest'
import { MacTable } from './mac-table.js'

describe('MacTable', () => {
  it('knows what it learnt, signed or not, and nothing else', () => {
    const table = new MacTable()
    expect(table.learn(0x0016, 0xfe000001)).toBe(true)
    expect(table.learn(0x0016, 0xfe000001 | 0)).toBe(false)
    expect([table.has(0x0016, 0xfe000001), table.has(0x0016, 0xfe000001 | 0)]).toEqual([true, true])
    expect([table.has(0x0017, 0xfe000001), table.has(0x0016, 0xfe000002)]).toEqual([false, false])
    expect(table.size).toBe(1)
  })

  it('TX-11: forgets an address that was not seen for 4 sweeps, and stops when nothing is known', () => {
    const table = new MacTable()
    let begun = 0
    table.onFirst = () => begun++
    table.learn(2, 1)
    table.learn(2, 2)
    expect(begun).toBe(1)
    for (let i = 0; i < 3; i++) expect(table.sweep()).toBe(true)
    table.learn(2, 2)
    expect(table.sweep()).toBe(true)
    expect([table.has(2, 1), table.has(2, 2)]).toEqual([false, true])
    for (let i = 0; i < 2; i++) table.sweep()
    expect(table.sweep()).toBe(false)
    expect(table.size).toBe(0)
    table.learn(2, 3)
    expect(begun).toBe(2)
  })

  it('forgets an address that is local', () => {
    const table = new MacTable()
    table.learn(2, 9)
    expect([table.remove(2, 9), table.remove(2, 9), table.has(2, 9), table.size]).toEqual([
      true,
      false,
      false,
      0,
    ])
  })

  it('is bounded: a new address takes the place of the one of its set that was seen longest ago', () => {
    const table = new MacTable(1)
    for (let i = 0; i < 8; i++) table.learn(2, i)
    table.sweep()
    for (let i = 0; i < 8; i++) if (i !== 3) table.learn(2, i)
    table.learn(2, 100)
    expect(table.size).toBe(8)
    expect(table.has(2, 3)).toBe(false)
    expect([0, 1, 2, 4, 5, 6, 7, 100].every((low) => table.has(2, low))).toBe(true)
  })
})
