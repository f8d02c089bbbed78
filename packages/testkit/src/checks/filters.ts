// FL: receive filters, and what hardware owes to the order of frames.
import { counted } from '../acts/counted.js'
import type { Counted } from '../acts/counted.js'
import { saturated } from '../acts/saturated.js'
import { steady } from '../acts/steady.js'
import { callsWithin } from '../kit/calls-of.js'
import { look, needs } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { eachCall } from '../kit/judging.js'
import type { Judgement } from '../kit/judging.js'
import { conserved } from './conserved.js'

/** How long a half may take to heed the other. */
const HINT_NS = 5_000_000

/** FL-04: the other half is told of a frame that is not for the guest, and takes away the filter that let it through. */
function hintsHeard({ scene, foreign }: Counted): Judgement {
  const polls = foreign
    .map((n) => scene.calls.findLast((call) => call.name === 'poll' && call.n < n && n < call.last))
    .filter((poll) => poll !== undefined)
    .filter((poll) => callsWithin(scene, poll).some(({ name }) => name === 'notify'))
  return eachCall(polls, (poll) => {
    const [host] = poll.place.where.split('.')
    const removed = scene.calls.some(
      ({ of, name, n, at, place }) =>
        of === 'filter' &&
        name === 'remove' &&
        n > poll.n &&
        at < poll.at + HINT_NS &&
        place.where.startsWith(`${host}.`),
    )
    return removed
      ? undefined
      : 'a filter let a frame for another address through, and stood 5 ms after the hint'
  })
}

export const filtersChecks: readonly Check[] = [
  { rule: 'FL-04', unfit: needs('filters'), looks: [look(counted, hintsHeard)], unseen: 'it gives no hints' },
  {
    rule: 'FL-09',
    looks: [look(steady, conserved), look(saturated, conserved)],
    unseen: 'no frame was sent',
  },
]
