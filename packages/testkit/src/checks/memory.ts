// MEM: pages, grants, mappings and frames.
import { saturated } from '../acts/saturated.js'
import { steady } from '../acts/steady.js'
import { look } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { allBack } from './conserved.js'

export const memoryChecks: readonly Check[] = [
  {
    rule: 'MEM-01',
    looks: [look(steady, allBack), look(saturated, allBack)],
    unseen: 'nothing was attached',
  },
]
