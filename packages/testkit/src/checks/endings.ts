// LC-08 to LC-14: how attachments and generations end, and what comes after.
import type { Asked } from '../acts/asked.js'
import type { Death } from '../acts/deaths.js'
import type { Generations } from '../acts/generations.js'
import type { Migration } from '../acts/migration.js'
import type { Reset } from '../acts/reset.js'
import type { Scene } from '../bench/scene.js'
import { callsOf } from '../kit/calls-of.js'
import { each } from '../kit/judging.js'
import type { Finding, Judgement } from '../kit/judging.js'

/** LC-08. */
export function ordinaryAfterRequest({ scene, askings }: Asked): Judgement {
  return each(
    askings.filter(({ made }) => made),
    ({ hook, request, left, from, to }) => {
      const inside = `a request to ${request} inside ${hook}`
      if (!left) return `after ${inside} the vif did not leave within a second`
      const isThen = ({ at }: { readonly at: number }): boolean => from <= at && at <= to
      const threw = callsOf(scene, 'queue').find((call) => call.outcome === 'threw' && isThen(call))
      if (threw !== undefined) return `after ${inside} ${threw.name} threw: ${String(threw.threw)}`
      const forced = scene.events.find((event) => event.name === 'forced' && isThen(event))
      if (forced === undefined || !('holders' in forced.fields)) return undefined
      return {
        sentence: `after ${inside} it had to leave by force: ${forced.fields.holders.join(', ')}`,
        at: forced.at,
      }
    },
  )
}

/** LC-09. */
export function sharesNothing({ changes, generations, scene }: Generations): Judgement {
  const shared = changes.filter((change) => !change.startsWith('listeners of process'))
  const { findings } = each(shared, (change) => `after ${generations} generations ${change}`)
  // A hook that is late has its own rule (LC-01), whichever generation it is of.
  const refused: Finding[] =
    scene.refusal === undefined || scene.refusal.includes('DEADLINE: ')
      ? []
      : [{ sentence: `a later generation did not come to work: ${scene.refusal}` }]
  return { seen: generations, findings: [...findings, ...refused] }
}

/** LC-13. */
export function collected({ leaked, kept, changes, generations }: Generations): Judgement {
  const listeners = changes.filter((change) => change.startsWith('listeners of process'))
  const count = new Map<string, number>()
  for (const what of kept) count.set(what, (count.get(what) ?? 0) + 1)
  const objects = [...count].map(([what, times]) => `${what} was not collected, ${times} times`)
  return {
    seen: generations,
    findings: [
      ...leaked,
      ...objects,
      ...listeners.map((change) => `after ${generations} generations ${change}`),
    ].map((sentence) => ({ sentence })),
  }
}

/** LC-10. */
export function goesAlong({ scene, before, stops }: Migration): Judgement {
  const removed = callsOf(scene, 'vif', 'remove').filter(({ args }) => args[0] === 'suspended')
  const judged = each(stops, ({ what, there, phase, fast }) => {
    const wanted = there ? 'active' : 'none'
    if (phase !== wanted) return `${what}, the vif was ${phase}, not ${wanted}`
    if (there && before > 0 && fast === 0)
      return `${what}, no frame went by the fast path; ${before} had before`
    return undefined
  })
  // Two vifs are attached at the first suspend, one of them moves each time.
  if (removed.length > 0) return judged
  return {
    ...judged,
    findings: [...judged.findings, { sentence: 'remove was never called with the reason suspended' }],
  }
}

/** LC-11. */
export function comesBack(all: readonly Death[]): Judgement {
  // What is left when nothing has befallen anyone has another rule (MEM-01).
  const usual = new Set(all.filter(({ inOrder }) => inOrder).flatMap(({ more }) => Object.keys(more)))
  return each(all, ({ what, phase, more }) => {
    if (phase !== 'active') return `after ${what} it was ${phase}, not attached anew`
    const [[name, count] = []] = Object.entries(more).filter(([kind]) => !usual.has(kind))
    return name === undefined
      ? undefined
      : `after ${what} it took ${count} ${name} more than a first attachment`
  })
}

/** Giving back is no use of what is gone. */
const GIVING_BACK: readonly string[] = ['unregister', 'quiesce', 'close']

/** LC-12. */
export function nothingOfBefore({ scene, resets, fast }: Reset): Judgement {
  if (fast[0] === 0) return { seen: 0, findings: [] }
  const findings: Finding[] = []
  for (const at of resets) {
    const made = callsOf(scene, 'backendVif', 'createVi').filter((call) => call.place.where === 'a.driver')
    const before = new Set(made.filter((call) => call.at <= at).map(({ place }) => place.attachment))
    const seen = scene.calls.find(
      ({ of, name, place, n, at: when }) =>
        of === 'vi' &&
        place.where === 'a.driver' &&
        when > at &&
        !GIVING_BACK.includes(name) &&
        before.has(place.attachment) &&
        !made.some((call) => call.at > at && call.n < n && call.place.attachment === place.attachment),
    )
    if (seen !== undefined)
      findings.push({ sentence: `${seen.name} was called on a VI of before the reset`, at: seen.at })
  }
  for (const [index, count] of fast.entries())
    if (count === 0) findings.push({ sentence: `after reset ${index} no frame went by the fast path` })
  return { seen: resets.length, findings }
}

/** LC-14: nothing feeds a VI before the backend half was started. Each host of these acts has one guest. */
export function nothingBeforeStart({ calls }: Scene): Judgement {
  const started = new Set<string>()
  const findings: Finding[] = []
  let seen = 0
  for (const { of, name, place, at } of calls) {
    const host = place.where.slice(0, place.where.indexOf('.'))
    if (of === 'probed' && name === 'start') started.add(host)
    else if (of === 'vif' && name === 'remove') started.delete(host)
    else if (of === 'queueDoors' && name === 'deliver') {
      seen += 1
      if (!started.has(host) && findings.length === 0)
        findings.push({ sentence: 'a frame was delivered before the backend half had been started', at })
    }
  }
  return { seen, findings }
}
