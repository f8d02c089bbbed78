// From what acts have shown to one result a rule.
import { ruleOf } from '@netaccel/core'
import type { RuleId } from '@netaccel/core'
import { CHECKS } from '../checks/index.js'
import type { Check } from '../kit/check.js'
import type { Subject, Unreadable } from '../plugin/subject.js'
import { WHOLE } from './act-run.js'
import type { Shown } from './act-run.js'
import { causesOf } from './causes.js'
import type { FirstCause, Outcome, RuleResult, Waiver } from './types.js'

export interface Results {
  readonly rules: readonly RuleResult[]
  readonly firstCauses: readonly FirstCause[]
  readonly counts: Readonly<Record<Outcome, number>>
}

const MOST_EVIDENCE = 8

/** Of a package that cannot be read: VN-01 is broken, whether it was asked for or not, and nothing else can be said. */
export function unreadable({ fault }: Unreadable, rules: ReadonlySet<RuleId>, seed: number): Results {
  const evidence = [{ sentence: fault, act: 'reading', seed, at: null, context: [] }]
  const results = CHECKS.filter(({ rule }) => rules.has(rule) || rule === WHOLE).map(
    ({ rule }): RuleResult =>
      rule === WHOLE
        ? { rule, outcome: 'failed', reason: '', seen: 1, evidence }
        : { rule, outcome: 'not applicable', reason: 'the manifest cannot be read', seen: 0, evidence: [] },
  )
  return summed(results)
}

export function resultsOf(
  checks: readonly Check[],
  shown: readonly Shown[],
  subject: Subject,
  waivers: readonly Waiver[],
): Results {
  const rules = checks.map((check) =>
    resultOf(
      check,
      shown.filter(({ rule }) => rule === check.rule),
      subject,
      waivers.find(({ rule }) => rule === check.rule),
    ),
  )
  return summed(rules)
}

function summed(rules: readonly RuleResult[]): Results {
  const counts: Record<Outcome, number> = { passed: 0, 'not applicable': 0, waived: 0, failed: 0 }
  for (const { outcome } of rules) counts[outcome] += 1
  const broken = rules.filter(({ outcome }) => outcome === 'failed').map(({ rule }) => rule)
  return { rules, firstCauses: causesOf(broken), counts }
}

function resultOf(
  check: Check,
  shown: readonly Shown[],
  subject: Subject,
  waiver: Waiver | undefined,
): RuleResult {
  const { rule, unfit: fitness } = check
  const seen = shown.reduce((sum, each) => sum + each.seen, 0)
  const evidence = shown.flatMap((each) => each.evidence).slice(0, MOST_EVIDENCE)
  const made = (outcome: Outcome, reason = ''): RuleResult => ({ rule, outcome, reason, seen, evidence })
  if (waiver !== undefined) {
    const capability = fitness?.capabilities?.find((each) => subject.capabilities.has(each))
    if (capability === undefined) return made('waived', waiver.reason)
    return made('failed', `it cannot be waived: the manifest declares "${capability}"; take that out instead`)
  }
  if (evidence.length > 0) return made('failed')
  const unfit = fitness?.(subject)
  if (unfit !== undefined) return made('not applicable', unfit)
  return seen > 0 ? made('passed') : made('not applicable', check.unseen)
}

/** Waivers that name no rule, or give no reason. */
export function badWaivers(waivers: readonly Waiver[]): string[] {
  return waivers.flatMap(({ rule, reason }) => {
    if (ruleOf(rule) === undefined) return [`there is no rule "${rule}"`]
    return reason.trim() === '' ? [`${rule} is waived without a reason`] : []
  })
}
