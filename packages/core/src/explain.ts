// `explain`: what a code means, whatever table it comes from.
import { HOST_COUNTERS } from './counters.js'
import { DROP_REASONS } from './drops.js'
import { ERROR_CODES } from './errors.js'
import { EVENTS } from './event-table.js'
import { HOOKS } from './hook-table.js'
import { CAPABILITIES } from './manifest-schema.js'
import { impliedBy, ruleOf } from './rules/index.js'
import { STATES } from './states.js'
import type { Rule, RuleMark } from './rules/index.js'

/** What one table says of a code. */
export interface Explanation {
  readonly kind: 'rule' | 'error' | 'drop' | 'event' | 'state' | 'hook' | 'counter' | 'capability'
  readonly code: string
  readonly sentence: string
  /** More lines: why, how it is checked, what follows. */
  readonly more: readonly string[]
}

const MARKS: Readonly<Record<RuleMark, string>> = {
  L: 'shows only under load',
  '2': 'shows at the second install or attachment',
  S: 'shows after suspend',
  R: 'shows about once in 10,000 frames',
  H: 'shows against a hostile end',
}

/**
 * Every meaning of a code: of a rule (`TX-02`), an error code, a drop reason, an event, a hook, a state (`draining`, or
 * `netfront:draining`), a counter of the host, or a capability. Empty: no table has it.
 */
export function explain(code: string): Explanation[] {
  return [...ruleMeaning(code), ...tableMeanings(code), ...hookMeaning(code), ...stateMeanings(code)]
}

function ruleMeaning(code: string): Explanation[] {
  const rule = ruleOf(code)
  return rule === undefined ? [] : [{ kind: 'rule', code, sentence: rule.sentence, more: linesOf(rule) }]
}

function linesOf(rule: Rule): string[] {
  const implied = [...impliedBy(rule.id)]
  return [
    `Why: ${rule.why}`,
    `Checked by: ${rule.checkedBy}.`,
    `Broken, for example: ${rule.saboteur}${rule.marks.map((mark) => `; ${MARKS[mark]}`).join('')}.`,
    ...(implied.length > 0 ? [`Broken as a consequence: ${implied.join(', ')}.`] : []),
    ...(rule.hardware === true ? ['Binds hardware halves.'] : []),
  ]
}

function tableMeanings(code: string): Explanation[] {
  const found: Explanation[] = []
  if (has(ERROR_CODES, code)) found.push({ kind: 'error', code, sentence: ERROR_CODES[code], more: [] })
  if (has(DROP_REASONS, code)) {
    const { sentence, stage, asked, nobody } = DROP_REASONS[code]
    const more = [
      `Stage: ${stage}.`,
      ...(asked === true ? ['The topology asks for it; it is not counted as lost.'] : []),
      ...(nobody === true ? ['It is counted as lost only if somebody waits for the frame.'] : []),
    ]
    found.push({ kind: 'drop', code, sentence, more })
  }
  if (has(EVENTS, code)) {
    const { sentence, level } = EVENTS[code]
    found.push({ kind: 'event', code, sentence, more: [`Level: ${level}.`] })
  }
  if (has(HOST_COUNTERS, code)) found.push({ kind: 'counter', code, sentence: HOST_COUNTERS[code], more: [] })
  if (has(CAPABILITIES, code))
    found.push({ kind: 'capability', code, sentence: CAPABILITIES[code], more: [] })
  return found
}

function hookMeaning(code: string): Explanation[] {
  if (!has(HOOKS, code)) return []
  const { calledBy, deadlineMs, result, mustNot, original, rules } = HOOKS[code]
  return [
    {
      kind: 'hook',
      code,
      sentence: `Called by ${calledBy}.`,
      more: [
        `Result: ${result}.`,
        deadlineMs === 0 ? 'Synchronous.' : `Settles within ${deadlineMs} ms of engine time.`,
        `Must not ${mustNot}.`,
        ...(original === '' ? [] : [`In the original: ${original}.`]),
        `Rules: ${rules}.`,
      ],
    },
  ]
}

function stateMeanings(code: string): Explanation[] {
  return Object.entries(STATES)
    .filter(([name]) => name === code || name.split(':')[1] === code)
    .map(([name, { of, meaning, next }]) => ({
      kind: 'state' as const,
      code: name,
      sentence: `Of a ${of}: ${meaning}.`,
      more: [`Next: ${next}.`],
    }))
}

function has<T extends object>(table: T, key: string): key is keyof T & string {
  return Object.hasOwn(table, key)
}
