// TX: what a queue does with the frames that it is offered.
import { clogged } from '../acts/clogged.js'
import type { Clogged } from '../acts/clogged.js'
import { lazy } from '../acts/lazy.js'
import { saturated } from '../acts/saturated.js'
import { shapes } from '../acts/shapes.js'
import { steady } from '../acts/steady.js'
import type { Scene } from '../bench/scene.js'
import { callsOf, callsWithin, groupBy, queueKey } from '../kit/calls-of.js'
import { look, needs } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each, eachCall } from '../kit/judging.js'
import type { Judgement } from '../kit/judging.js'
import type { Call } from '../record/calls.js'
import { completedOf } from './departures.js'

const VERDICTS: readonly unknown[] = ['accepted', 'declined', 'busy']

/** TX-01: a verdict, nothing else. */
function verdictOnly(scene: Scene): Judgement {
  return eachCall(callsOf(scene, 'queue', 'startXmit'), ({ outcome, result, threw, frame }) => {
    if (outcome === 'threw') return `startXmit threw at a frame of ${frame?.length} bytes: ${String(threw)}`
    return VERDICTS.includes(result) ? undefined : `startXmit gave ${String(result)}, which is no verdict`
  })
}

/** TX-02: each frame that was accepted is given back once, before the queue is gone. */
function givenBackOnce(scene: Scene): Judgement {
  const ended = scene.calls.filter(
    ({ of, name, outcome, result }) =>
      (of === 'queue' && name === 'startXmit' && result === 'accepted' && outcome === 'returned') ||
      (of === 'queueDoors' && (name === 'completeTx' || name === 'failTx')),
  )
  return each(groupBy(ended, (call) => `${queueKey(call)} ${call.frame?.id}`).values(), tooFewOrMany)
}

/** The calls about one frame, in order: lent and given back by turns. */
function tooFewOrMany(calls: readonly Call[]) {
  let lent: Call | null = null
  for (const call of calls) {
    if (call.name === 'startXmit') {
      lent = call
      continue
    }
    if (lent === null) return { sentence: `${call.name} gave back a frame that was not lent`, at: call.at }
    lent = null
  }
  if (lent === null) return undefined
  return { sentence: `a frame of ${lent.frame?.length} bytes was accepted and never given back`, at: lent.at }
}

/** TX-05, TX-03: the bytes and the fields of a frame are the host's. */
function unwritten(verdicts: readonly string[]): (scene: Scene) => Judgement {
  return (scene) =>
    eachCall(
      callsOf(scene, 'queue', 'startXmit').filter(({ result }) => verdicts.includes(String(result))),
      ({ frame, frameAfter, result }) =>
        frame === null || frameAfter === null || sameFrame(frame, frameAfter)
          ? undefined
          : `a frame of ${frame.length} bytes was changed by startXmit, which said ${String(result)}`,
    )
}

function sameFrame(one: NonNullable<Call['frame']>, two: NonNullable<Call['frame']>): boolean {
  return (
    one.hash === two.hash &&
    one.length === two.length &&
    one.checksum === two.checksum &&
    one.gsoSize === two.gsoSize &&
    one.segments === two.segments
  )
}

/** TX-05: as it was offered, so it is given back. */
function unwrittenWhileLent(scene: Scene): Judgement {
  return each(completedOf(scene), ({ offer, done }) =>
    offer.frame !== null && done.frame !== null && !sameFrame(offer.frame, done.frame)
      ? { sentence: `a frame of ${offer.frame.length} bytes was written while it was lent`, at: done.at }
      : undefined,
  )
}

/** TX-03: nothing was given away, posted or rung for a frame that was not accepted. */
function noTrace(scene: Scene): Judgement {
  const refused = callsOf(scene, 'queue', 'startXmit').filter(
    ({ result }) => result === 'declined' || result === 'busy',
  )
  return eachCall(refused, (call) => {
    const did = callsWithin(scene, call).find(({ name }) => name !== 'charge' && name !== 'log')
    return did === undefined
      ? undefined
      : `startXmit said ${String(call.result)} after it had called ${did.name}`
  })
}

/** TX-03: nothing of it stands where the hardware reads. */
function noDescriptors({ traces, refused }: Clogged): Judgement {
  return {
    seen: refused,
    findings: traces.slice(0, 5).map(({ at, verdict }) => ({
      sentence: `startXmit said ${verdict}, and had written into the rings that it shares with its hardware`,
      at,
    })),
  }
}

export const transmitChecks: readonly Check[] = [
  {
    rule: 'TX-01',
    looks: [look(steady, verdictOnly), look(shapes, verdictOnly), look(saturated, verdictOnly)],
    unseen: 'no frame was offered to it',
  },
  {
    rule: 'TX-02',
    unfit: needs('tx'),
    looks: [look(steady, givenBackOnce), look(saturated, givenBackOnce), look(lazy, givenBackOnce)],
    unseen: 'no frame was accepted',
  },
  {
    rule: 'TX-03',
    looks: [
      look(steady, unwritten(['declined', 'busy'])),
      look(saturated, unwritten(['declined', 'busy'])),
      look(steady, noTrace),
      look(saturated, noTrace),
      look(clogged, ({ scene }) => unwritten(['declined', 'busy'])(scene)),
      look(clogged, noDescriptors),
    ],
    unseen: 'no frame was declined, and none was told busy',
  },
  {
    rule: 'TX-05',
    unfit: needs('tx'),
    looks: [
      look(steady, unwritten(['accepted'])),
      look(steady, unwrittenWhileLent),
      look(saturated, unwrittenWhileLent),
    ],
    unseen: 'no frame was accepted',
  },
]
