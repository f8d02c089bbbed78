import type { EventHub } from '../event-hub.js'
import { ruleOf } from '../rules/index.js'
import type { RuleId } from '../rules/types.js'

/** Tells who listens that a door has refused what breaks `rule`, with the rule's own sentence. */
export function reportRefusal(events: EventHub, vif: string, name: string | undefined, rule: RuleId): void {
  events.hear.refused?.({ vif, name: name ?? '', rule, text: ruleOf(rule)?.sentence ?? '' })
}
