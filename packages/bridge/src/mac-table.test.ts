import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { MacTable, UNKNOWN_PORT } from './mac-table.js'

describe('the address table', () => {
  it('holds no more than its capacity, and of one port no more than its share, whatever is learnt', () => {
    const table = new MacTable({ capacity: 64, perPort: 16 })
    const random = new Random(7)
    for (let i = 0; i < 10_000; i++) table.learn(random.next32(), random.below(65536), 1, i)
    expect(table.size).toBe(16)
    for (let i = 0; i < 10_000; i++) table.learn(random.next32(), random.below(65536), random.below(100), i)
    expect(table.size).toBeLessThanOrEqual(64)
  })

  it('lets the address that was silent longest give way in a full set', () => {
    const table = new MacTable({ capacity: 4, perPort: 100 })
    for (let i = 1; i <= 4; i++) table.learn(i, 0, i, i)
    table.learn(1, 0, 1, 5)
    table.learn(9, 0, 9, 6)
    expect([1, 2, 3, 4, 9].map((mac) => table.lookup(mac, 0, 6))).toEqual([1, UNKNOWN_PORT, 3, 4, 9])
  })

  it('agrees with a map while it is not full', () => {
    const table = new MacTable({ capacity: 4096, perPort: 4096 })
    const model = new Map<number, number>()
    const random = new Random(11)
    for (let i = 0; i < 500; i++) {
      const mac = random.below(400)
      const port = random.below(8)
      table.learn(mac, mac & 0xffff, port, i)
      model.set(mac, port)
    }
    for (const [mac, port] of model) expect(table.lookup(mac, mac & 0xffff, 500)).toBe(port)
    table.forget(3)
    for (const [mac, port] of model) {
      expect(table.lookup(mac, mac & 0xffff, 500)).toBe(port === 3 ? UNKNOWN_PORT : port)
    }
    expect(table.size).toBe([...model.values()].filter((port) => port !== 3).length)
  })
})
