// What the host itself has said in an act: hooks that broke their contract, and calls that a door refused.
import type { Heard } from '../bench/heard.js'
import type { Scene } from '../bench/scene.js'
import type { Shown } from './act-run.js'

export function refusals({ seed, events, surroundings }: Scene, act: string): Shown[] {
  const found: Shown[] = surroundings.map(({ rule, sentence, at }) => ({
    rule,
    seen: 1,
    evidence: [{ sentence, act, seed, at, context: [] }],
  }))
  const told = new Set<string>()
  for (const event of events) {
    const said = saying(event)
    // Once a rule: the host says it at every call.
    if (said === undefined || told.has(said.rule)) continue
    told.add(said.rule)
    const evidence = [{ sentence: said.sentence, act, seed, at: event.at, context: [] }]
    found.push({ rule: said.rule, seen: 1, evidence })
  }
  return found
}

function saying(event: Heard): (Pick<Shown, 'rule'> & { sentence: string }) | undefined {
  const { fields, where } = event
  if (event.name === 'fault' && 'hook' in fields && 'rule' in fields) {
    const { hook, vif, queue, cause, rule } = fields
    return {
      rule,
      sentence: `${hook} of ${vif} queue ${queue} broke its contract in ${where}: ${String(cause)}`,
    }
  }
  if (event.name === 'refused' && 'text' in fields && 'rule' in fields) {
    const { vif, text, rule } = fields
    return { rule, sentence: `a door refused a call for ${vif} in ${where}: ${text}` }
  }
  return undefined
}
