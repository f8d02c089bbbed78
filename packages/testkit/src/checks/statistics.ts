// ST: counters.
import { counted } from '../acts/counted.js'
import type { Counted } from '../acts/counted.js'
import { look } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each } from '../kit/judging.js'
import type { Judgement } from '../kit/judging.js'

/** Counters that were seen to fall before the halves left: they say what stands now, and are no sums. */
function standing({ flowing, still, leaving }: Counted): ReadonlySet<string> {
  const readings = [...flowing, ...still]
  const names = new Set<string>()
  const note = (before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void => {
    for (const [name, value] of before) if ((after.get(name) ?? 0) < value) names.add(name)
  }
  // A half that has left meanwhile, by force even, says nothing of its counters: they have not fallen for that.
  for (const [index, reading] of readings.slice(1).entries()) {
    const both = [...readings[index]].filter(([key]) => reading.has(key))
    note(totalsOf(both), totalsOf([...reading].filter(([key]) => readings[index].has(key))))
  }
  const [, last] = still
  const halves = new Set([...last.keys()].map((key) => key.slice(0, key.lastIndexOf(' '))))
  if (leaving.length >= halves.size)
    note(totalsOf(last), totalsOf(leaving.flatMap(({ before }) => [...before])))
  return names
}

/** By the name in the manifest, over all vifs and both halves. */
function totalsOf(reading: Iterable<[string, number]>): Map<string, number> {
  const totals = new Map<string, number>()
  for (const [key, value] of reading) {
    const name = key.slice(key.lastIndexOf(' ') + 1)
    totals.set(name, (totals.get(name) ?? 0) + value)
  }
  return totals
}

/** ST-01: asking twice adds nothing. */
function askedTwice(evidence: Counted): Judgement {
  const [first, second] = evidence.still
  return each(first, ([name, value]) => {
    const then = second.get(name)
    return then === value ? undefined : `${name} went from ${value} to ${then} while nothing happened`
  })
}

/** ST-02: nothing that was counted is lost when the half leaves. */
function kept(evidence: Counted): Judgement {
  const gauges = standing(evidence)
  return each(
    evidence.leaving.flatMap(({ where, before, after }) =>
      [...before].filter(([name]) => !gauges.has(name)).map((entry) => ({ where, entry, after })),
    ),
    ({ where, entry: [name, value], after }) =>
      (after.get(name) ?? 0) >= value
        ? undefined
        : `${name} was ${value} when the hooks were cleared in ${where}, and ${after.get(name)} after remove`,
  )
}

/** ST-03: what stands now is nothing when everything is gone. */
function nothingStands(evidence: Counted): Judgement {
  const gauges = standing(evidence)
  return each(
    evidence.leaving.flatMap(({ where, before, after }) =>
      [...after].filter(([name]) => gauges.has(name)).map((entry) => ({ where, entry, before })),
    ),
    ({ where, entry: [name, value] }) =>
      value === 0 ? undefined : `${name} says that ${value} stand in ${where}, after remove`,
  )
}

export const statisticsChecks: readonly Check[] = [
  { rule: 'ST-01', looks: [look(counted, askedTwice)], unseen: 'the manifest declares no counters' },
  { rule: 'ST-02', looks: [look(counted, kept)], unseen: 'the manifest declares no counters' },
  { rule: 'ST-03', looks: [look(counted, nothingStands)], unseen: 'no counter says what stands' },
]
