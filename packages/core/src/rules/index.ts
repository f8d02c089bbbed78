// The rules between host and plugin: one table, from which documentation, errors, test titles and `explain` are made.
import { conversationRules } from './conversation-rules.js'
import { errorRules } from './error-rules.js'
import { filterRules } from './filter-rules.js'
import { lifecycleRules } from './lifecycle-rules.js'
import { receiveRules } from './receive-rules.js'
import { transmitRules } from './transmit-rules.js'
import { versionRules } from './version-rules.js'
import type { Rule, RuleId } from './types.js'

/** All rules, in the order of their families. */
export const RULES: readonly Rule[] = Object.freeze([
  ...versionRules,
  ...lifecycleRules,
  ...transmitRules,
  ...receiveRules,
  ...filterRules,
  ...conversationRules,
  ...errorRules,
])

const byId = new Map<string, Rule>(RULES.map((rule) => [rule.id, rule]))

/** Undefined for what is not a rule's id. */
export function ruleOf(id: string): Rule | undefined {
  return byId.get(id)
}

/**
 * Of the rules that were seen broken, those that no other broken one implies: the first causes. What each implies is a
 * consequence, also through rules that were not seen broken themselves.
 */
export function firstCauses(broken: Iterable<RuleId>): RuleId[] {
  const set = new Set(broken)
  return [...set].filter((id) => ![...set].some((other) => other !== id && impliedBy(other).has(id)))
}

/** Every rule that is broken as a consequence of this one, directly or through others. */
export function impliedBy(id: RuleId): ReadonlySet<RuleId> {
  const found = new Set<RuleId>()
  const look = (at: RuleId): void => {
    for (const next of byId.get(at)?.implies ?? []) {
      if (found.has(next)) continue
      found.add(next)
      look(next)
    }
  }
  look(id)
  return found
}

export type { Rule, RuleId, RuleMark } from './types.js'
