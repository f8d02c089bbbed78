// LC-01 to LC-07: how attachments begin, and what they have to do with each other.
import type { Again, Attached } from '../acts/again.js'
import type { Beside } from '../acts/beside.js'
import type { Farewell } from '../acts/farewell.js'
import type { Refused } from '../acts/refused.js'
import type { Silent } from '../acts/silent.js'
import type { Scene } from '../bench/scene.js'
import { callsOf } from '../kit/calls-of.js'
import { each, eachCall, together } from '../kit/judging.js'
import type { Judgement } from '../kit/judging.js'
import type { Call, FrameFacts } from '../record/calls.js'

const MS = 1_000_000
/** Deadlines of the hooks, and what the host allows for letting go after an abort: a step of the clock is no breach. */
const DEADLINE_MS: Readonly<Record<string, number>> = { newDevice: 5000, probe: 2000, remove: 2000 }
const LET_GO_MS = 100
const SLACK_MS = 1

function lateBy(call: Call): string | undefined {
  const most = DEADLINE_MS[call.name] + SLACK_MS
  if (call.outcome === 'pending') return `${call.name} did not settle at all`
  const took = (call.settledAt - call.at) / MS
  return took > most ? `${call.name} settled after ${took.toFixed(1)} ms` : undefined
}

/** LC-01: in any act. */
export function settlesInTime(scene: Scene): Judgement {
  const awaited = [...callsOf(scene, 'frontend', 'newDevice'), ...callsOf(scene, 'backend', 'probe')]
  return eachCall(
    awaited.filter(({ outcome }) => outcome !== 'returned' && outcome !== 'threw'),
    lateBy,
  )
}

/** LC-01: when it is called off. */
export function letsGo({ scene, aborts }: Silent): Judgement {
  return together(settlesInTime(scene), whenAborted(scene, aborts))
}

function whenAborted(scene: Scene, aborts: Silent['aborts']): Judgement {
  return each(aborts, ({ where, handle, at }) => {
    const call = callsOf(scene, 'frontend', 'newDevice').findLast(
      (one) => one.place.where === where && one.place.handle === handle && one.at <= at,
    )
    if (call === undefined || call.settledAt <= at) return undefined
    if (call.settledAt - at <= (LET_GO_MS + SLACK_MS) * MS) return undefined
    const took = call.outcome === 'pending' ? 'never' : `${((call.settledAt - at) / MS).toFixed(1)} ms later`
    return { sentence: `attaching was called off, and newDevice settled ${took}`, at }
  })
}

/** LC-02. */
export function nextSucceeds(refused: readonly Refused[]): Judgement {
  return each(
    refused.filter(({ door, failed }) => door !== undefined && failed !== 'active'),
    ({ door, call, next }) =>
      next === 'active'
        ? undefined
        : `after ${door} had failed (call ${call} of the frontend half) the next attachment came to ${next}`,
  )
}

const ANSWERS: Readonly<Record<string, readonly unknown[]>> = {
  accepts: [true, false],
  startXmit: ['accepted', 'declined', 'busy'],
  hasRoom: [true, false],
  poll: ['idle', 'more'],
  startInterrupts: ['armed', 'waiting'],
}

/** LC-03. */
export function bearsAnyOrder(scene: Scene): Judgement {
  return eachCall(callsOf(scene, 'queue'), ({ name, outcome, threw, result }) => {
    if (outcome === 'threw') return `${name} threw: ${String(threw)}`
    const allowed = ANSWERS[name]
    return allowed === undefined || allowed.includes(result) ? undefined : `${name} gave ${String(result)}`
  })
}

/** LC-04. A scope that was closed by force is closed under its plugin's feet. */
export function nothingLate(scene: Scene): Judgement {
  const ends = scene.calls.filter(
    ({ of, name }) => (of === 'vif' || of === 'probed') && name === 'remove',
  ).length
  const forced = scene.events.some(({ name }) => name === 'forced')
  const late = !forced && scene.lateCalls > 0
  const sentence = `${scene.lateCalls} calls at doors of attachments that had ended`
  return { seen: forced ? 0 : ends, findings: late ? [{ sentence }] : [] }
}

/** LC-05. */
export function leavesInTime(farewells: readonly Farewell[]): Judgement {
  return together(
    ...farewells.map(({ scene, other }) =>
      eachCall(
        [...callsOf(scene, 'vif', 'remove'), ...callsOf(scene, 'probed', 'remove')].filter(
          ({ outcome }) => outcome !== 'returned' && outcome !== 'threw',
        ),
        (call) => {
          const late = lateBy(call)
          return late === undefined ? undefined : `${late} while ${other}`
        },
      ),
    ),
  )
}

/** LC-06: what a fresh generation takes, a second attachment takes too. */
export function asFresh({ scene, second, fresh }: Again): Judgement {
  if (fresh.phases.some((phase) => phase !== 'active')) return { seen: 0, findings: [] }
  const stale = second.phases.filter((phase) => phase !== 'active')
  if (stale.length > 0)
    return {
      seen: 1,
      findings: [{ sentence: `a second attachment came to ${stale.join(', ')}, a first to active` }],
    }
  const had = kinds(scene, second)
  return each(kinds(scene, fresh), (kind) =>
    had.has(kind)
      ? undefined
      : `a new generation accepts or delivers ${kind}, the second attachment of the one before did not`,
  )
}

/** Coarse enough that the same traffic always has all of them. */
function kinds({ calls }: Scene, { from, to }: Attached): Set<string> {
  const found = new Set<string>()
  for (const { of, name, result, frame } of calls.slice(from, to)) {
    if (frame === null) continue
    if (of === 'queue' && name === 'startXmit' && result === 'accepted')
      found.add(`outgoing ${kindOf(frame)}`)
    if (of === 'queueDoors' && name === 'deliver') found.add(`incoming ${kindOf(frame)}`)
  }
  return found
}

const LARGE = 1000

function kindOf({ length, gsoSize }: FrameFacts): string {
  return gsoSize > 0 ? 'GSO frames' : length > LARGE ? `frames above ${LARGE} bytes` : 'small frames'
}

/** LC-07. */
export function goesOn({ before, after, stayed }: Beside): Judgement {
  if (before === 0) return { seen: 0, findings: [] }
  const sentence = `${stayed} had ${before} frames by the fast path while the guest's other vif was attached, and ${after} afterwards`
  return { seen: before, findings: after * 4 < before ? [{ sentence }] : [] }
}
