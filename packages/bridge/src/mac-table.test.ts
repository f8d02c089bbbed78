import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { MacTable, UNKNOWN_PORT } from './mac-table.js'

/** One that learns and looks up at a time that is said. */
class TimedTable extends MacTable {
  learnAt(now: number, high: number, low: number, port: number): void {
    this.clock[0] = now
    this.learn(high, low, port)
  }

  lookupAt(now: number, high: number, low: number): number {
    this.clock[0] = now
    return this.lookup(high, low)
  }
}

describe('the address table', () => {
  it('holds no more than its capacity, and of one port no more than its share, whatever is learnt', () => {
    const table = new TimedTable({ capacity: 64, perPort: 16 })
    const random = new Random(7)
    for (let i = 0; i < 10_000; i++) table.learnAt(i, random.next32(), random.below(65536), 1)
    expect(table.size).toBe(16)
    for (let i = 0; i < 10_000; i++) table.learnAt(i, random.next32(), random.below(65536), random.below(100))
    expect(table.size).toBeLessThanOrEqual(64)
  })

  it('lets the address that was silent longest give way in a full set', () => {
    const table = new TimedTable({ capacity: 4, perPort: 100 })
    for (let i = 1; i <= 4; i++) table.learnAt(i, i, 0, i)
    table.learnAt(5, 1, 0, 1)
    table.learnAt(6, 9, 0, 9)
    expect([1, 2, 3, 4, 9].map((mac) => table.lookupAt(6, mac, 0))).toEqual([1, UNKNOWN_PORT, 3, 4, 9])
  })

  it('agrees with a map while it is not full', () => {
    const table = new TimedTable({ capacity: 4096, perPort: 4096 })
    const model = new Map<number, number>()
    const random = new Random(11)
    for (let i = 0; i < 500; i++) {
      const mac = random.below(400)
      const port = random.below(8)
      table.learnAt(i, mac, mac & 0xffff, port)
      model.set(mac, port)
    }
    for (const [mac, port] of model) expect(table.lookupAt(500, mac, mac & 0xffff)).toBe(port)
    table.forget(3)
    for (const [mac, port] of model) {
      expect(table.lookupAt(500, mac, mac & 0xffff)).toBe(port === 3 ? UNKNOWN_PORT : port)
    }
    expect(table.size).toBe([...model.values()].filter((port) => port !== 3).length)
  })
})
