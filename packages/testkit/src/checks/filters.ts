// FL: receive filters, and what hardware owes to the order of frames.
import type { BackendVif, FlowKey } from '@netaccel/core'
import { crowded } from '../acts/crowded.js'
import type { Attempt, Crowded } from '../acts/crowded.js'
import { counted } from '../acts/counted.js'
import type { Counted } from '../acts/counted.js'
import { filtered, isForOthers } from '../acts/filtered.js'
import type { End, Filtered } from '../acts/filtered.js'
import { saturated } from '../acts/saturated.js'
import { sequences } from '../acts/sequences.js'
import { steady } from '../acts/steady.js'
import { wired } from '../acts/wired.js'
import type { Wired } from '../acts/wired.js'
import { callsOf, callsWithin } from '../kit/calls-of.js'
import { look, needs, needsHardware } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each, eachCall, together } from '../kit/judging.js'
import type { Judgement } from '../kit/judging.js'
import type { Call } from '../record/calls.js'
import { conserved } from './conserved.js'

/** How long a half may take to heed the other. */
const HINT_NS = 5_000_000
const SECOND = 1_000_000_000

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

/** Keys that were inserted, with the guest that they are for. */
function inserted({ scene, ends }: Filtered): { key: FlowKey; own: End; call: Call }[] {
  return callsOf(scene, 'backendVif', 'insertFilter').flatMap((call) => {
    const probe = callsOf(scene, 'backend', 'probe').find(
      ({ place }) => place.attachment === call.place.attachment,
    )
    if (probe === undefined) return []
    const { mac } = probe.args[0] as BackendVif
    const own = ends.find((end) => end.mac === mac)
    return own === undefined ? [] : [{ key: call.args[0] as FlowKey, own, call }]
  })
}

/** FL-01: made of whole headers alone. */
function wholeHeaders(evidence: Filtered): Judgement {
  return each(inserted(evidence), ({ key, call }) => {
    const what = evidence.strange.get(key.destinationPort ?? -1)
    return what === undefined ? undefined : { sentence: `a filter was made of ${what}`, at: call.at }
  })
}

/** FL-02: for the guest alone. */
function ownTraffic(evidence: Filtered): Judgement {
  return each(inserted(evidence), ({ key, own, call }) =>
    isForOthers(key, own)
      ? { sentence: `a filter for ${own.mac} takes what is for ${key.mac ?? key.destination}`, at: call.at }
      : undefined,
  )
}

/** FL-03: what was refused takes no room, and is not asked for again at once. */
function refusedLeavesNothing({ before, refused, after }: Crowded): Judgement {
  const flows = (attempts: readonly Attempt[]): number => new Set(attempts.map(({ key }) => key)).size
  // One that does not ask for a filter for each flow shows nothing by not asking.
  if (flows(before) < 2 || refused.length === 0) return { seen: 0, findings: [] }
  const again = each(refused, ({ key, at }, index) => {
    const earlier = refused.slice(0, index).findLast((attempt) => attempt.key === key)
    if (earlier === undefined || at - earlier.at >= SECOND) return undefined
    return {
      sentence: `${key} was asked for again ${Math.round((at - earlier.at) / 1e6)} ms after it was refused`,
      at,
    }
  })
  const lost = flows(before) - flows(after.filter(({ answer }) => answer === 'stands'))
  const sentence = `${flows(refused)} refusals later ${lost} of ${flows(before)} flows get no filter any more`
  return together(again, { seen: 1, findings: lost > 0 ? [{ sentence }] : [] })
}

/** FL-05: a filter that is used outlasts flows of one frame. */
function outlasts({ live, evicted }: Crowded): Judgement {
  const sentence = `${evicted} filters of flows with traffic were taken away for flows of one frame`
  return { seen: live, findings: evicted === 0 ? [] : [{ sentence }] }
}

/** Of `all`, how many broke the rule. */
function few(all: number, wrong: number, sentence: string): Judgement {
  return { seen: all, findings: wrong === 0 ? [] : [{ sentence }] }
}

/** FL-06: a duplicate changes nothing. */
const duplicatesHarmless = ({ repeated, stuck }: Wired): Judgement =>
  few(repeated, stuck, `${stuck} frames got stuck after a filter had been asked for twice`)

/** FL-07: released when it has left. */
const releasedWhenLeft = ({ taken, early }: Wired): Judgement =>
  few(taken, early, `${early} of ${taken} frames were released before they had left`)

/** FL-08: not before. */
const handedOverInTime = ({ asked, tooSoon }: Wired): Judgement =>
  few(
    asked,
    tooSoon,
    `${tooSoon} times \`handedOver\` had settled and a frame that had arrived before still came`,
  )

export const filtersChecks: readonly Check[] = [
  {
    rule: 'FL-06',
    unfit: needsHardware,
    looks: [look(wired, duplicatesHarmless)],
    unseen: 'it has no filters',
  },
  {
    rule: 'FL-07',
    unfit: needsHardware,
    looks: [look(wired, releasedWhenLeft)],
    unseen: 'no frame was sent',
  },
  { rule: 'FL-08', unfit: needsHardware, looks: [look(wired, handedOverInTime)], unseen: 'no frame arrived' },
  {
    rule: 'FL-01',
    unfit: needs('filters'),
    looks: [look(filtered, wholeHeaders)],
    unseen: 'it inserts no filters',
  },
  {
    rule: 'FL-02',
    unfit: needs('filters'),
    looks: [look(filtered, ownTraffic)],
    unseen: 'it inserts no filters',
  },
  {
    rule: 'FL-03',
    unfit: needs('filters'),
    looks: [look(crowded, refusedLeavesNothing)],
    unseen: 'it does not insert a filter for each flow',
  },
  {
    rule: 'FL-05',
    unfit: needs('filters'),
    looks: [look(crowded, outlasts)],
    unseen: 'no flow had a filter',
  },
  { rule: 'FL-04', unfit: needs('filters'), looks: [look(counted, hintsHeard)], unseen: 'it gives no hints' },
  {
    rule: 'FL-09',
    looks: [look(steady, conserved), look(saturated, conserved), look(sequences, ({ books }) => books)],
    unseen: 'no frame was sent',
  },
]
