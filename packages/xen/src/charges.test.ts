import { describe, expect, it } from 'vitest'
import { Charges } from './charges.js'
import { COSTS, defaultCosts, scaleCosts } from './cost-table.js'

describe('Charges', () => {
  it('counts each kind for itself, at its own cost', () => {
    for (const cost of COSTS) {
      const charges = new Charges('cpu0', { ...scaleCosts(defaultCosts, 0), [cost]: 3 })
      for (const each of COSTS) charges.add(each, each === cost ? 2 : 5)
      expect(COSTS.map((each) => charges.count(each))).toEqual(COSTS.map((each) => (each === cost ? 2 : 5)))
      expect(charges.openNs).toBe(6)
    }
  })

  it('settles what is open once', () => {
    const charges = new Charges('cpu0', { ...scaleCosts(defaultCosts, 0), frame: 10 })
    charges.add('frame', 2)
    expect([charges.settle(), charges.openNs, charges.settle()]).toEqual([20, 0, 0])
    charges.add('frame', 1)
    expect([charges.openNs, charges.totalNs, charges.count('frame')]).toEqual([10, 30, 3])
  })

  it('refuses a table with what is no cost', () => {
    for (const ns of [-1, Number.NaN, Infinity])
      expect(() => new Charges('cpu0', { ...defaultCosts, slot: ns })).toThrowError(
        expect.objectContaining({ code: 'BAD_ARGUMENT' }) as Error,
      )
  })
})
