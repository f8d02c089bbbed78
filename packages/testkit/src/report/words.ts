// Phrases that all forms of a report share.
import { ruleOf } from '@netaccel/core'
import type { RuleId } from '@netaccel/core'
import type { Evidence, KitReport, RuleResult } from '../run/types.js'

export function sentenceOf(rule: RuleId): string {
  return ruleOf(rule)?.sentence ?? ''
}

/** `act steady, seed 1, at 12.345 ms`. */
export function whereSeen({ act, seed, at }: Evidence): string {
  const when = at === null ? '' : `, at ${(at / 1e6).toFixed(3)} ms`
  return `act ${act}, seed ${seed}${when}`
}

/** What stands behind a result: the reason, or what was seen. */
export function linesOf({ reason, evidence, outcome }: RuleResult): string[] {
  const seen = outcome === 'failed' ? evidence.map((each) => `${each.sentence} (${whereSeen(each)})`) : []
  return reason === '' ? seen : [reason, ...seen]
}

export function countsLine({ counts }: KitReport): string {
  const { passed, failed, waived } = counts
  return `${passed} passed, ${counts['not applicable']} not applicable, ${waived} waived, ${failed} failed`
}

export function pluginLine({ plugin }: KitReport): string {
  return `${plugin.packageName}@${plugin.version} (${plugin.name})`
}

/** The first cause of which a broken rule is a consequence. */
export function causeOf(report: KitReport, rule: RuleId): RuleId | undefined {
  return report.firstCauses.find(({ consequences }) => consequences.includes(rule))?.rule
}
