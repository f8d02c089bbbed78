// IR: polls, interrupts and room.
import { clogged } from '../acts/clogged.js'
import { lateArming } from '../acts/late-arming.js'
import { questioned } from '../acts/questioned.js'
import { rest } from '../acts/rest.js'
import { saturated } from '../acts/saturated.js'
import { steady } from '../acts/steady.js'
import { arrivalsOf, hostOf } from '../bench/arrivals.js'
import type { Scene } from '../bench/scene.js'
import { callsOf, callsWithin, groupBy, queueKey } from '../kit/calls-of.js'
import { look, needs } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each, eachCall, together } from '../kit/judging.js'
import type { Finding, Judgement } from '../kit/judging.js'
import { stepsOf } from '../kit/unread.js'
import type { Call } from '../record/calls.js'
import { completedOf, departures } from './departures.js'

/** How soon something must happen that an interrupt leads to, ns. */
const SOON_NS = 1_000_000
/** How soon room must be told, ns. */
const ROOM_NS = 50_000_000

/** IR-01: who says armed has read everything. */
function armedIsRead(scene: Scene): Judgement {
  if (arrivalsOf(scene).length === 0) return { seen: 0, findings: [] }
  return each(stepsOf(scene, ['startInterrupts']), ({ call, arrived, passed }): Finding | undefined => {
    const unread = arrived - passed
    if (call.result !== 'armed' || unread <= 0) return undefined
    if (callsWithin(scene, call).some(({ name }) => name === 'schedule')) return undefined
    return { sentence: `startInterrupts said armed while ${unread} segments stood unread`, at: call.at }
  })
}

/** IR-02: what has arrived at rest is delivered soon. */
function receptionWakes(scene: Scene): Judgement {
  const delivered = groupBy(callsOf(scene, 'queueDoors', 'deliver', 'dropRx'), ({ place }) =>
    hostOf(place.where),
  )
  return each(arrivalsOf(scene), ({ host, at }): Finding | undefined => {
    const soon = (delivered.get(host) ?? []).some((call) => call.at >= at && call.at <= at + SOON_NS)
    return soon ? undefined : { sentence: 'a frame that arrived at rest was not delivered within 1 ms', at }
  })
}

/** IR-02: what has left is completed soon. */
function completionWakes(scene: Scene): Judgement {
  const places = departures(scene.wire, 'a')
  const pairs = completedOf(scene).filter(({ offer }) => hostOf(offer.place.where) === 'a')
  return each(pairs, ({ offer, done }): Finding | undefined => {
    const place = offer.frame === null ? undefined : places.get(`${offer.frame.flow}#${offer.frame.number}`)
    if (place === undefined || done.at <= scene.wire[place].at + SOON_NS) return undefined
    const ms = Math.round((done.at - scene.wire[place].at) / 1e6)
    return { sentence: `a frame that had left at rest was completed ${ms} ms later`, at: done.at }
  })
}

const EVENTS: readonly string[] = ['listen', 'connect']

/** IR-03: an event schedules nothing while interrupts are stopped. */
function stoppedIsStill(scene: Scene): Judgement {
  const calls = scene.calls.filter(
    ({ of, name }) =>
      (of === 'queue' && (name === 'startInterrupts' || name === 'stopInterrupts')) ||
      (of === 'queueDoors' && name === 'schedule'),
  )
  return together(
    ...[...groupBy(calls, queueKey).values()].map((of) => {
      let stopped: Call | null = null
      return eachCall(of, (call) => {
        if (call.name === 'stopInterrupts') stopped = call
        else if (call.name === 'startInterrupts') stopped = null
        else if (stopped !== null && call.within?.role === 'callback' && EVENTS.includes(call.within.name))
          return 'an event scheduled a poll although interrupts had been stopped'
        return undefined
      })
    }),
  )
}

/** IR-04: the same answer each time, and nothing done for it. */
function askingIsPure(scene: Scene): Judgement {
  return eachCall(callsOf(scene, 'queue', 'hasRoom'), (call) => {
    const did = callsWithin(scene, call).find(({ name }) => name !== 'charge')
    if (did !== undefined) return `hasRoom called ${did.name}`
    const before = call.n === 0 ? undefined : scene.calls[call.n - 1]
    return before?.name === 'hasRoom' && before.at === call.at && before.result !== call.result
      ? `hasRoom said ${String(before.result)} and then ${String(call.result)}`
      : undefined
  })
}

/** IR-04: after true the next frame is not told busy. */
function roomIsRoom(scene: Scene): Judgement {
  return together(
    ...[...groupBy(callsOf(scene, 'queue', 'hasRoom', 'startXmit'), queueKey).values()].map((calls) => {
      let hasRoom = false
      return eachCall(calls, ({ name, result, frame }) => {
        if (name === 'hasRoom') {
          hasRoom = result === true
          return undefined
        }
        const wrong = hasRoom && result === 'busy'
        if (result === 'accepted') hasRoom = false
        return wrong
          ? `a frame of ${frame?.length} bytes was told busy after hasRoom had said true`
          : undefined
      })
    }),
  )
}

/** IR-05: after busy or no room, something tells of room. */
function roomIsTold(scene: Scene): Judgement {
  const last = scene.calls.at(-1)?.at ?? 0
  const wanted = scene.calls.filter(
    ({ of, name, result }) =>
      (of === 'queue' && (result === 'busy' || (name === 'hasRoom' && result === false))) ||
      (of === 'queueDoors' && ['completeTx', 'failTx', 'wake'].includes(name)) ||
      (of === 'vif' && name === 'remove'),
  )
  return together(
    ...[...groupBy(wanted, ({ place }) => `${place.where} ${place.attachment}`).values()].map((calls) =>
      each(calls, (call, index): Finding | undefined => {
        if (call.of !== 'queue') return undefined
        const told = calls.slice(index + 1).find(({ of }) => of !== 'queue')
        const waited = (told?.at ?? last) - call.at
        if (waited <= ROOM_NS) return undefined
        return {
          sentence: `${call.name} had said that there is no room, and nothing told of any`,
          at: call.at,
        }
      }),
    ),
  )
}

export const interruptsChecks: readonly Check[] = [
  {
    rule: 'IR-01',
    unfit: needs('rx'),
    looks: [look(lateArming, armedIsRead), look(steady, armedIsRead), look(saturated, armedIsRead)],
    unseen: 'nothing was received by a virtual interface',
  },
  {
    rule: 'IR-02',
    looks: [look(rest, receptionWakes), look(rest, completionWakes)],
    unseen: 'neither a reception nor a completion was seen',
  },
  {
    rule: 'IR-03',
    looks: [look(questioned, stoppedIsStill), look(steady, stoppedIsStill)],
    unseen: 'interrupts were never stopped',
  },
  {
    rule: 'IR-04',
    looks: [
      look(clogged, ({ scene }) => askingIsPure(scene)),
      look(clogged, ({ scene }) => roomIsRoom(scene)),
      look(saturated, roomIsRoom),
    ],
    unseen: 'it was never asked for room',
  },
  {
    rule: 'IR-05',
    unfit: needs('tx'),
    looks: [
      look(steady, roomIsTold),
      look(saturated, roomIsTold),
      look(clogged, ({ scene }) => roomIsTold(scene)),
    ],
    unseen: 'it never said that there is no room',
  },
]
