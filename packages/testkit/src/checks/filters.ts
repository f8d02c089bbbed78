// FL: receive filters, and what hardware owes to the order of frames.
import { saturated } from '../acts/saturated.js'
import { steady } from '../acts/steady.js'
import { look } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { conserved } from './conserved.js'

export const filtersChecks: readonly Check[] = [
  {
    rule: 'FL-09',
    looks: [look(steady, conserved), look(saturated, conserved)],
    unseen: 'no frame was sent',
  },
]
