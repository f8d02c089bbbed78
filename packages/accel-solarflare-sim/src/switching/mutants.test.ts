// What the trial of switching would say if the host did it wrong.
import { describe, expect, it } from 'vitest'
import { MUTANTS } from '../testing/mutants.js'
import { trial } from '../testing/switching.js'

describe('a host on which', () => {
  it.each(MUTANTS)('$title fails the trial', async (mutant) => {
    const { title, caught, plant, orderFence, traffic, judgeEvery } = mutant
    const { verdict, cycles } = await trial({
      cycles: 1000,
      seed: 1,
      judgeEvery,
      ...(plant && { plant }),
      ...(traffic && { traffic }),
      ...(orderFence === false && { orderFence }),
    })
    console.log(`${title}: found after ${cycles} cycles: ${verdict.reasons[0] ?? ''}`)
    expect(verdict.verdict).toBe('lost')
    expect(verdict.reasons.join(' ')).toMatch(caught)
  })
})
