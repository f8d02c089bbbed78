import { expect, it } from 'vitest'
import { nearest } from './nearest.js'

const known = ['start', 'run', 'doctor', '--phase-seconds', '--seed']

it.each([
  ['strat', 'start'],
  ['docter', 'doctor'],
  ['--phase-second', '--phase-seconds'],
  ['--phaseseconds', '--phase-seconds'],
  ['rn', 'run'],
  ['elephant', undefined],
])('takes %s for %s', (word, meant) => {
  expect(nearest(word, known)).toBe(meant)
})
