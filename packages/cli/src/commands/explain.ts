import {
  CAPABILITIES,
  DROP_REASONS,
  ERROR_CODES,
  EVENTS,
  explain as explainCore,
  type Explanation,
  HOOKS,
  HOST_COUNTERS,
  RULES,
  STATES,
} from '@netaccel/core'
import { HOST_ERRORS, STEPS } from '@netaccel/host'
import type { CommandSpec } from '../command.js'
import { isSet } from '../command.js'
import { CLI_ERRORS, CliError, EXIT_OK } from '../errors.js'
import { nearest } from '../nearest.js'
import { printLines } from '../show/columns.js'

/** What a table says of a word; core has most of the tables. */
interface Meaning {
  readonly kind: Explanation['kind'] | 'stage'
  readonly code: string
  readonly sentence: string
  readonly more: readonly string[]
}

export const explain: CommandSpec = {
  usage: 'explain <word>',
  says: 'What a rule, error code, drop reason, state, event, hook, counter, capability or stage means',
  example: '  netaccel explain TX-03',
  run: async (given) => {
    const [word] = given.words
    const found = await meaningsOf(word)
    if (found.length === 0) throw unknownWord(word)
    if (isSet(given, 'json')) console.log(JSON.stringify(found))
    else printLines(found.flatMap(linesOf))
    return EXIT_OK
  },
}

/** Every meaning of a word, whatever table it comes from and however it is written. */
export async function meaningsOf(word: string): Promise<Meaning[]> {
  const forms = [...new Set([word, word.toUpperCase(), word.toLowerCase()])]
  for (const form of forms) {
    const found = [...explainCore(form), ...ownMeanings(form)]
    if (found.length > 0) return found
  }
  // The kit is large, and has few words of its own.
  const { TESTKIT_CODES } = await import('@netaccel/testkit')
  return forms.flatMap((form) => errorIn(TESTKIT_CODES, form))
}

function ownMeanings(word: string): Meaning[] {
  const errors = [HOST_ERRORS, CLI_ERRORS].flatMap((table) => errorIn(table, word))
  const stages = Object.entries(STEPS)
    .filter(([step, { stage }]) => step === word || stage === word)
    .map(([step, { stage, way, says }]): Meaning => ({
      kind: 'stage',
      code: stage,
      sentence: `"${step}": ${says}.`,
      more: [way === 'both' ? 'On the way out and in.' : `On the way ${way}.`],
    }))
  return [...errors, ...stages]
}

function errorIn(table: Readonly<Record<string, string>>, word: string): Meaning[] {
  return Object.hasOwn(table, word) ? [{ kind: 'error', code: word, sentence: table[word], more: [] }] : []
}

function linesOf({ kind, code, sentence, more }: Meaning): string[] {
  return [`${code} (${kind}): ${sentence}`, ...more.map((line) => `  ${line}`)]
}

/** Every word that has a meaning. */
export function knownWords(): string[] {
  const states = Object.keys(STATES)
  return [
    ...RULES.map(({ id }) => id),
    ...[
      ERROR_CODES,
      HOST_ERRORS,
      CLI_ERRORS,
      DROP_REASONS,
      EVENTS,
      HOOKS,
      HOST_COUNTERS,
      CAPABILITIES,
      STEPS,
    ].flatMap((table) => Object.keys(table)),
    ...states,
    ...states.map((state) => state.slice(state.indexOf(':') + 1)),
  ]
}

function unknownWord(word: string): CliError {
  const near = nearest(word, knownWords()) ?? nearest(word.toUpperCase(), knownWords())
  const hint =
    near === undefined
      ? 'it takes a rule (TX-03), an error code, a drop reason, a state (active), an event, a hook (startXmit), a counter, a capability (tx) or a stage (3s)'
      : `the nearest is ${near}`
  return new CliError('USAGE', `no table has "${word}": ${hint}`)
}
