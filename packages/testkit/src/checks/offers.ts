// TX: what is said to a frame that is offered (TX-06, TX-07, TX-11, TX-12).
import { bursts } from '../acts/bursts.js'
import { clogged } from '../acts/clogged.js'
import { moved } from '../acts/moved.js'
import type { Moved } from '../acts/moved.js'
import { questioned } from '../acts/questioned.js'
import { saturated } from '../acts/saturated.js'
import { shapes } from '../acts/shapes.js'
import { shrunk } from '../acts/shrunk.js'
import type { Shrunk } from '../acts/shrunk.js'
import { steady } from '../acts/steady.js'
import type { Scene } from '../bench/scene.js'
import { callsOf, callsWithin, groupBy, queueKey } from '../kit/calls-of.js'
import { look, needs } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each, eachCall, together } from '../kit/judging.js'
import type { Finding, Judgement } from '../kit/judging.js'
import type { Call } from '../record/calls.js'

/** Questions about one frame at one moment, and the offer that followed them, if one did. */
interface Asked {
  readonly offer: Call | null
  readonly answers: readonly unknown[]
  readonly at: number
  readonly length: number | undefined
}

function askedOf(scene: Scene): Asked[] {
  return [...groupBy(callsOf(scene, 'queue', 'accepts', 'startXmit'), queueKey).values()].flatMap(inRows)
}

/** Calls of one queue, in rows that are about the same. */
function inRows(calls: readonly Call[]): Asked[] {
  const rows: Asked[] = []
  let row: Call[] = []
  const end = (offer: Call | null): void => {
    const [first] = offer === null ? row : [offer]
    if (first !== undefined)
      rows.push({
        offer,
        answers: row.map(({ result }) => result),
        at: first.at,
        length: first.frame?.length,
      })
    row = []
  }
  for (const call of calls) {
    if (row.length > 0 && !isSame(row[0], call)) end(null)
    if (call.name === 'accepts') row.push(call)
    else end(call)
  }
  end(null)
  return rows
}

/** About the same frame, at one moment: a frame object is used again for another packet. */
function isSame(one: Call, two: Call): boolean {
  return one.at === two.at && one.frame?.id === two.frame?.id && one.frame?.hash === two.frame?.hash
}

/** TX-06: the answer is the same each time, and is what the offer is told. Busy is a matter of room: TX-07. */
function answersHold(scene: Scene): Judgement {
  return each(askedOf(scene), ({ offer, answers, at, length }): Finding | undefined => {
    const [first] = answers
    const what = `a frame of ${length} bytes`
    if (answers.some((answer) => answer !== first))
      return { sentence: `accepts was asked of ${what} again and again, and said ${answers.join(', ')}`, at }
    if (first === true && offer?.result === 'declined')
      return { sentence: `accepts said true of ${what}, which startXmit declined`, at }
    if (first === false && offer?.result === 'accepted')
      return { sentence: `accepts said false of ${what}, which startXmit accepted`, at }
    return undefined
  })
}

/** TX-06: asking changes nothing. */
function askingIsPure(scene: Scene): Judgement {
  return eachCall(callsOf(scene, 'queue', 'accepts'), (call) => {
    const did = callsWithin(scene, call).find(({ name }) => name !== 'charge')
    if (did !== undefined) return `accepts called ${did.name}`
    return call.frame?.hash === call.frameAfter?.hash ? undefined : 'accepts wrote into the frame'
  })
}

/** TX-07: who is told busy is accepted when there is room, so it was never one to be declined. */
function busyMeansRoom(scene: Scene): Judgement {
  const busy = askedOf(scene).filter(({ offer }) => offer?.result === 'busy')
  const asked = each(busy, ({ answers, at, length }) =>
    answers[0] === false
      ? { sentence: `a frame of ${length} bytes that accepts said false of was told busy`, at }
      : undefined,
  )
  return together(asked, each(offeredAgain(scene), declinedLater))
}

/** A frame that was told busy, with the next offer of the same. */
function offeredAgain(scene: Scene): [Call, Call][] {
  const pairs: [Call, Call][] = []
  for (const calls of groupBy(callsOf(scene, 'queue', 'startXmit'), queueKey).values())
    for (let i = 0; i + 1 < calls.length; i += 1)
      if (calls[i].result === 'busy' && calls[i].frame?.id === calls[i + 1].frame?.id)
        pairs.push([calls[i], calls[i + 1]])
  return pairs
}

function declinedLater([first, second]: [Call, Call]): Finding | undefined {
  if (second.result !== 'declined' || first.frame?.hash !== second.frame?.hash) return undefined
  return {
    sentence: `a frame of ${first.frame?.length} bytes was told busy, and then declined`,
    at: second.at,
  }
}

/** TX-11: nothing to an address of which nothing is known any more. */
function noEvidence({ scene, gone }: Moved): Judgement {
  return together(
    ...gone.map(({ why, from, to }) =>
      eachCall(
        callsOf(scene, 'queue', 'accepts', 'startXmit').filter(
          ({ n, place, frame }) => n >= from && n < to && place.where === 'a.guest1' && frame !== null,
        ),
        ({ name, result }) =>
          result === true || result === 'accepted'
            ? `${name} said ${String(result)} to a frame whose destination had gone: ${why}`
            : undefined,
      ),
    ),
  )
}

const ETHERNET = 14
/** The shortest headers behind Ethernet's of a frame that is cut: IPv4 and TCP without options. */
const CUT_HEADERS = 40

/** TX-12: what goes onto the wire is no longer than it may be. */
function fits(scene: Scene, mtu: number, from = 0, to = Infinity, where?: string): Judgement {
  const offers = callsOf(scene, 'queue', 'startXmit').filter(
    ({ n, place, result }) =>
      n >= from && n < to && (where === undefined || place.where === where) && result === 'accepted',
  )
  return eachCall(offers, ({ frame }) => {
    if (frame === null) return undefined
    const longest = frame.gsoSize > 0 ? CUT_HEADERS + frame.gsoSize : frame.length - ETHERNET
    return longest > mtu ? `a packet of ${longest} bytes was accepted while the MTU was ${mtu}` : undefined
  })
}

const fitsPlain = (scene: Scene): Judgement => fits(scene, 1500)

function fitsAlways({ scene, spans }: Shrunk): Judgement {
  return together(...spans.map(({ mtu, from, to }) => fits(scene, mtu, from, to, 'a.guest1')))
}

export const offerChecks: readonly Check[] = [
  {
    rule: 'TX-06',
    looks: [
      look(questioned, answersHold),
      look(questioned, askingIsPure),
      look(steady, answersHold),
      look(shapes, answersHold),
    ],
    unseen: 'no frame was offered to it',
  },
  {
    rule: 'TX-07',
    unfit: needs('tx'),
    looks: [look(clogged, ({ scene }) => busyMeansRoom(scene)), look(saturated, busyMeansRoom)],
    unseen: 'no frame was told busy',
  },
  {
    rule: 'TX-11',
    unfit: needs('tx'),
    looks: [look(moved, noEvidence)],
    unseen: 'no frame was sent to an address that had gone',
  },
  {
    rule: 'TX-12',
    unfit: needs('tx'),
    looks: [
      look(shrunk, fitsAlways),
      look(saturated, fitsPlain),
      look(bursts, ({ scene }) => fitsPlain(scene)),
    ],
    unseen: 'no frame was accepted',
  },
]
