import { expect, it } from 'vitest'
import { ArrivalCount } from './arrivals.js'

it('tells numbers that came from those that came again or late', () => {
  const arrivals = new ArrivalCount()
  for (const number of [0, 1, 3, 2, 3, 200_000, 4, 0xffff_ffff]) arrivals.note(number)
  expect(arrivals.report()).toEqual({ received: 6, doubled: 1, reordered: 2 })
})
