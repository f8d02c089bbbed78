// The tables as documentation: docs/rules.md and docs/codes.md are this text, and a test holds them together.
import { HOST_COUNTERS } from './counters.js'
import { DROP_REASONS } from './drops.js'
import { ERROR_CODES } from './errors.js'
import { EVENTS } from './event-table.js'
import { HOOKS } from './hook-table.js'
import { CAPABILITIES } from './manifest-schema.js'
import { RULES } from './rules/index.js'
import { STATES } from './states.js'

const WRITTEN =
  '<!-- Written by packages/core/scripts/write-rules.mjs from the tables in packages/core/src; do not edit. -->'

/** docs/rules.md */
export function renderRules(): string {
  const rows = RULES.map((rule) => [
    rule.hardware === true ? `${rule.id} (hardware)` : rule.id,
    rule.sentence,
    rule.why,
    rule.checkedBy,
    [rule.saboteur, ...rule.marks].join(' '),
    rule.implies.length === 0 ? '–' : rule.implies.join(', '),
  ])
  return [
    '# Rules',
    '',
    WRITTEN,
    '',
    'What holds between host and plugin. The conformance kit checks each rule and names the *first cause*: a broken rule that',
    'no other broken rule implies. Every rule has a saboteur, a plugin that breaks it and no other. Marks say when a saboteur',
    'shows: L only under load, 2 at the second install or attachment, S after suspend, R about once in 10,000 frames, H against',
    'a hostile end. "The original" is Xen\'s accelerated network plugins of 2007 and their first user, Solarflare\'s driver pair.',
    '',
    ...table(['rule', 'what holds', 'why', 'checked by', 'saboteur', 'implies'], rows),
    '',
  ].join('\n')
}

/** docs/codes.md */
export function renderCodes(): string {
  return [
    '# Codes',
    '',
    WRITTEN,
    '',
    'Every word that a message, a counter, a trace or a test title can contain. `netaccel explain <code>` prints the same.',
    ...section(
      'Hooks',
      ['hook', 'in the original', 'called by', 'deadline', 'result', 'must not', 'rules'],
      hookRows(),
    ),
    ...section('States', ['state', 'meaning', 'next'], stateRows()),
    ...section('Error codes', ['code', 'meaning'], Object.entries(ERROR_CODES)),
    ...section('Drop reasons', ['reason', 'stage', 'meaning', 'asked for'], dropRows()),
    ...section('Events', ['event', 'level', 'meaning'], eventRows()),
    ...section('Counters of the host', ['counter', 'meaning'], Object.entries(HOST_COUNTERS)),
    ...section('Capabilities', ['capability', 'meaning'], Object.entries(CAPABILITIES)),
    '',
  ].join('\n')
}

function hookRows(): string[][] {
  return Object.entries(HOOKS).map(([name, hook]) => [
    `\`${name}\``,
    hook.original === '' ? '–' : hook.original,
    hook.calledBy,
    hook.deadlineMs === 0 ? 'synchronous' : `${hook.deadlineMs} ms`,
    hook.result,
    hook.mustNot,
    hook.rules,
  ])
}

function stateRows(): string[][] {
  return Object.entries(STATES).map(([name, { meaning, next }]) => [name, meaning, next])
}

function dropRows(): string[][] {
  return Object.entries(DROP_REASONS).map(([name, { stage, sentence, asked, nobody }]) => [
    name,
    stage,
    sentence,
    asked === true ? 'yes' : nobody === true ? 'if nobody waits' : '–',
  ])
}

function eventRows(): string[][] {
  return Object.entries(EVENTS).map(([name, { level, sentence }]) => [name, level, sentence])
}

function section(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return ['', `## ${title}`, '', ...table(head, rows)]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)]
}
