import type { EventHub } from '../event-hub.js'
import { ruleOf } from '../rules/index.js'
import type { RuleId } from '../rules/types.js'

/** Tells who listens that a door has refused what breaks `rule`, with the rule's own sentence. */
export function reportRefusal(events: EventHub, vif: string, name: string | undefined, rule: RuleId): void {
  events.hear.refused?.({ vif, name: name ?? '', rule, text: ruleOf(rule)?.sentence ?? '' })
}

/** Why a hook that was to attach did not, in words: it declined, or failed with `cause`; `said`: its last word in the log. */
export function refusalOf(hook: 'newDevice' | 'probe', cause: unknown, said: string | undefined): string {
  const how = cause === undefined ? `${hook} declined` : `${hook} failed: ${sentenceOf(cause)}`
  return said === undefined ? how : `${how} (${said})`
}

function sentenceOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
