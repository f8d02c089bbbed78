// RX: what a poll delivers, and what it says of it.
import { garbled } from '../acts/garbled.js'
import type { Garbled, Reception } from '../acts/garbled.js'
import { held } from '../acts/held.js'
import type { Held } from '../acts/held.js'
import { lazy } from '../acts/lazy.js'
import { merging } from '../acts/merging.js'
import type { Merging } from '../acts/merging.js'
import { refilled } from '../acts/refilled.js'
import type { Refilled } from '../acts/refilled.js'
import { saturated } from '../acts/saturated.js'
import { steady } from '../acts/steady.js'
import { toldWrong } from '../acts/told-wrong.js'
import type { ToldWrong } from '../acts/told-wrong.js'
import type { ViRequest } from '@netaccel/core'
import { arrivalsOf, hostOf } from '../bench/arrivals.js'
import type { Scene } from '../bench/scene.js'
import { callsOf, callsWithin, groupBy } from '../kit/calls-of.js'
import { look, needs } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each, eachCall, together } from '../kit/judging.js'
import type { Finding, Judgement } from '../kit/judging.js'
import { passedBy, stepsOf } from '../kit/unread.js'
import type { Call } from '../record/calls.js'
import { piecesOf } from '../record/frame-facts.js'

/** Of the Ethernet header with a tag, and the longest IP packet. */
const LONGEST = 18 + 65_535

/** RX-01. */
function withinBudget(scene: Scene): Judgement {
  return eachCall(callsOf(scene, 'queue', 'poll'), (call) => {
    const [budget] = call.args
    const count = callsWithin(scene, call).filter(({ name }) => name === 'deliver').length
    return count > Number(budget)
      ? `deliver was called ${count} times in a poll with budget ${String(budget)}`
      : undefined
  })
}

/** RX-02: idle leaves nothing that stood there when the poll began. */
function idleIsEmpty(scene: Scene): Judgement {
  if (arrivalsOf(scene).length === 0) return { seen: 0, findings: [] }
  return each(stepsOf(scene, ['poll']), ({ call, arrived, passed }): Finding | undefined => {
    if (call.result !== 'idle') return undefined
    const within = callsWithin(scene, call).reduce((sum, each) => sum + passedBy(each), 0)
    const left = arrived - passed - within
    if (left <= 0) return undefined
    return {
      sentence: `poll said idle, and ${left} segments that had stood unread when it began were not delivered`,
      at: call.at,
    }
  })
}

/** Polls in a row that may say that there is more when nothing was there. */
const MOST_EMPTY = 100

/** RX-02: more means that something is left. */
function moreIsMore(scene: Scene): Judgement {
  return together(
    ...[...groupBy(callsOf(scene, 'queue', 'poll'), ({ place }) => place.where).values()].map((polls) => {
      let empty = 0
      return eachCall(polls, (call) => {
        const did = callsWithin(scene, call).some(({ of }) => of === 'queueDoors')
        empty = call.result === 'more' && !did ? empty + 1 : 0
        return empty === MOST_EMPTY ? `${empty} polls in a row said more and passed on nothing` : undefined
      })
    }),
  )
}

/** RX-03: what the hardware gave has come out, as a frame or as a drop. */
function allPassedOn(scene: Scene): Judgement {
  const arrived = groupBy(arrivalsOf(scene), ({ host }) => host)
  return each(arrived, ([host, frames]): string | undefined => {
    const came = frames.reduce((sum, { frame }) => sum + frame.segments, 0)
    const passed = scene.calls
      .filter(({ place }) => place.half === 'frontend' && hostOf(place.where) === host)
      .reduce((sum, call) => sum + passedBy(call), 0)
    if (came === passed) return undefined
    return `the hardware of ${host} had ${came} segments for its guest; ${passed} were delivered or dropped with a reason`
  })
}

/** RX-04: of each flow in the order of arrival. */
function inOrder(scene: Scene): Judgement {
  const arrived = arrivalsOf(scene).map(({ host, frame }, index) => ({ host, frame, index }))
  const named = groupBy(
    arrived.filter(({ frame }) => frame.flow !== ''),
    ({ host, frame }) => `${host} ${piecesOf({ ...frame, segments: 1 })[0]}`,
  )
  const places = new Map<string, number>()
  // An acknowledgement without data bears the number of the data that come next: which of them it is cannot be told.
  for (const [name, [first, ...others]] of named)
    if (others.every(({ frame }) => frame.length === first.frame.length)) places.set(name, first.index)
  const delivered = callsOf(scene, 'queueDoors', 'deliver').filter(
    ({ frame }) => frame !== null && frame.flow !== '',
  )
  const flows = groupBy(delivered, ({ place, frame }) => `${hostOf(place.where)} ${frame?.flow}`)
  return each(flows.values(), (calls): Finding | undefined => {
    let last = -1
    for (const { place, frame, at } of calls) {
      const [name] = piecesOf(frame as NonNullable<Call['frame']>)
      const index = places.get(`${hostOf(place.where)} ${name}`)
      if (index === undefined) continue
      if (index < last)
        return { sentence: `a frame of ${frame?.length} bytes was delivered after one that came later`, at }
      last = index
    }
    return undefined
  })
}

/** RX-05: nobody writes into a frame that is the host's. */
function untouched({ changed, kept }: Held): Judgement {
  return {
    seen: kept,
    findings: changed.slice(0, 5).map(({ at, length }) => ({
      sentence: `a frame of ${length} bytes changed while the stack had it`,
      at,
    })),
  }
}

/** RX-06. */
function toldRight({ lies, seen }: ToldWrong): Judgement {
  return { seen, findings: lies.slice(0, 5) }
}

/** RX-07: what is wrong with an event costs its own frame. What is lost with sound events too has another rule. */
function ownFrameAlone({ plain, garbled: spoilt }: Garbled): Judgement {
  if (faultsOf(plain).length > 0) return { seen: 0, findings: [] }
  const after = `after bits of ${spoilt.garbled} words of events had been turned over`
  return {
    seen: spoilt.garbled,
    findings: faultsOf(spoilt).map((what) => ({ sentence: `${after} ${what}` })),
  }
}

function faultsOf({ phase, lost, missing, later, arrived, uncounted }: Reception): string[] {
  return [
    ...lost,
    ...(phase === 'active' ? [] : [`the vif was ${phase}`]),
    ...(missing > 0 ? [`${missing} of ${later} frames with sound events did not arrive`] : []),
    ...(uncounted > 0 ? [`${uncounted} of ${arrived} frames were neither delivered nor counted`] : []),
  ]
}

/** RX-09: events that one poll reads, as it charges them, and what it passes on. */
function withinOneRing({ scene, from, to }: Refilled): Judgement {
  const rings = callsOf(scene, 'backendVif', 'createVi').map(({ args }) => (args[0] as ViRequest).events)
  const most = Math.max(...rings)
  return eachCall(
    callsOf(scene, 'queue', 'poll').filter(
      ({ n, place }) => n >= from && n < to && place.where === 'a.guest1',
    ),
    (call) => {
      const within = callsWithin(scene, call).filter(({ of }) => of === 'queueDoors')
      const read = within
        .filter(({ name, args }) => name === 'charge' && args[0] === 'event')
        .reduce((sum, { args }) => sum + Number(args[1]), 0)
      const passed = within.filter(({ name }) => PASSING.has(name)).length
      const handled = Math.max(read, passed)
      return handled > most ? `a poll handled ${handled} events; the ring has ${most}` : undefined
    },
  )
}

const PASSING = new Set(['deliver', 'dropRx', 'completeTx', 'failTx'])

function isMerged(call: Call): boolean {
  return call.name === 'deliver' && (call.frame?.segments ?? 1) > 1
}

/** RX-08: as long as a packet may be, and as many bytes as its segments. */
function soundlyMerged(scene: Scene): Judgement {
  return eachCall(callsOf(scene, 'queueDoors', 'deliver').filter(isMerged), ({ frame }) => {
    const { length, segments, gsoSize } = frame as NonNullable<Call['frame']>
    if (length > LONGEST) return `a merged frame of ${length} bytes was delivered`
    return (segments - 1) * gsoSize < length
      ? undefined
      : `a merged frame of ${length} bytes says that it has ${segments} segments of ${gsoSize}`
  })
}

/** RX-08: flows that have fallen silent make room for others. */
function idleForgotten({ scene, first, second }: Merging): Judgement {
  const merged = callsOf(scene, 'queueDoors', 'deliver').filter((call) => call.n >= first && isMerged(call))
  const before = merged.filter(({ n }) => n < second).length
  if (before === 0) return { seen: 0, findings: [] }
  const after = merged.length - before
  // New flows are as long as the old ones were.
  if (after * 2 >= before) return { seen: merged.length, findings: [] }
  const sentence = `of the first flows ${before} frames were merged, of as many others after a silence ${after}`
  return { seen: merged.length, findings: [{ sentence }] }
}

export const receiveChecks: readonly Check[] = [
  {
    rule: 'RX-01',
    looks: [look(steady, withinBudget), look(saturated, withinBudget), look(lazy, withinBudget)],
    unseen: 'it was never polled',
  },
  {
    rule: 'RX-02',
    looks: [
      look(steady, idleIsEmpty),
      look(lazy, idleIsEmpty),
      look(saturated, idleIsEmpty),
      look(steady, moreIsMore),
      look(saturated, moreIsMore),
    ],
    unseen: 'it was never polled',
  },
  {
    rule: 'RX-03',
    unfit: needs('rx'),
    looks: [
      look(steady, allPassedOn),
      look(lazy, allPassedOn),
      look(held, ({ scene }) => allPassedOn(scene)),
    ],
    unseen: 'nothing was received by a virtual interface',
  },
  {
    rule: 'RX-04',
    unfit: needs('rx'),
    looks: [
      look(steady, inOrder),
      look(lazy, inOrder),
      look(saturated, inOrder),
      look(merging, ({ scene }) => inOrder(scene)),
    ],
    unseen: 'nothing was delivered',
  },
  {
    rule: 'RX-05',
    unfit: needs('rx'),
    looks: [look(held, untouched)],
    unseen: 'nothing was delivered',
  },
  {
    rule: 'RX-06',
    unfit: needs('rx'),
    looks: [look(toldWrong, toldRight)],
    unseen: 'nothing was delivered',
  },
  {
    rule: 'RX-07',
    unfit: needs('rx'),
    looks: [look(garbled, ownFrameAlone)],
    unseen: 'nothing was received in good order with the events as they were',
  },
  {
    rule: 'RX-08',
    unfit: needs('rx-merge'),
    looks: [
      look(merging, idleForgotten),
      look(merging, ({ scene }) => soundlyMerged(scene)),
      look(lazy, soundlyMerged),
    ],
    unseen: 'no frame was merged',
  },
  {
    rule: 'RX-09',
    unfit: needs('vi'),
    looks: [look(refilled, withinOneRing)],
    unseen: 'it was not polled',
  },
]
