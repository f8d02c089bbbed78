import { Random } from '@netaccel/packet'
import { expect, it } from 'vitest'
import { AddressTable } from './address-table.js'

it('agrees with a map of counts, whatever comes and goes', () => {
  const table = new AddressTable()
  const model = new Map<string, number>()
  const random = new Random('addresses')
  // Few enough that they collide and come again; highs and lows that differ in one word only.
  const pick = (): { high: number; low: number } => ({ high: random.below(3), low: random.below(600) - 300 })
  for (let round = 0; round < 20_000; round++) {
    const words = pick()
    const name = `${words.high} ${words.low}`
    const count = model.get(name) ?? 0
    if (random.chance(0.5)) {
      if (table.add(words)) model.set(name, count + 1)
      else expect([count, table.size]).toEqual([0, 1024])
    } else {
      table.remove(words)
      if (count > 1) model.set(name, count - 1)
      else model.delete(name)
    }
    if (round % 500 !== 0) continue
    expect(table.size).toBe(model.size)
    for (let high = 0; high < 3; high++)
      for (let low = -300; low < 300; low++) expect(table.has(high, low)).toBe(model.has(`${high} ${low}`))
  }
})
