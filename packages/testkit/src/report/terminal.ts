import { styleText } from 'node:util'
import type { RuleId } from '@netaccel/core'
import type { KitReport, Outcome, RuleResult } from '../run/types.js'
import { countsLine, linesOf, pluginLine, sentenceOf } from './words.js'

export interface TerminalOptions {
  /** Default false. */
  readonly colour?: boolean
  /** Also a line for each rule that passed. Default false: they are counted. */
  readonly all?: boolean
}

const COLOURS = { passed: 'green', 'not applicable': 'gray', waived: 'yellow', failed: 'red' } as const

/** The summary by rule: first causes with their evidence and what follows from them, then what was left out and why. */
export function terminalReport(report: KitReport, options: TerminalOptions = {}): string {
  const paint = (outcome: Outcome, text: string): string =>
    options.colour === true ? styleText(COLOURS[outcome], text) : text
  const lines = [`${pluginLine(report)} ${report.plugin.integrity}`]
  for (const { rule, consequences } of report.firstCauses)
    lines.push('', ...causeLines(report, rule, consequences, (text) => paint('failed', text)))
  const rest = report.rules.filter(
    ({ outcome }) => outcome !== 'failed' && (outcome !== 'passed' || options.all === true),
  )
  if (rest.length > 0) lines.push('')
  for (const each of rest)
    lines.push(`${paint(each.outcome, `${each.rule}  ${each.outcome}`)}${because(each)}`)
  lines.push('', paint(report.passed ? 'passed' : 'failed', countsLine(report)))
  lines.push(
    `kit ${report.kitVersion}, ${report.full ? 'full' : 'quick'}, seed ${report.seed}, ${report.seconds.toFixed(1)} s`,
  )
  return `${lines.join('\n')}\n`
}

function because(result: RuleResult): string {
  const [line] = linesOf(result)
  return line === undefined ? `  ${sentenceOf(result.rule)}` : `: ${line}`
}

function causeLines(
  report: KitReport,
  rule: RuleId,
  consequences: readonly RuleId[],
  paint: (text: string) => string,
): string[] {
  const result = report.rules.find((each) => each.rule === rule)
  const lines = [paint(`${rule}  failed  ${sentenceOf(rule)}`)]
  for (const line of result === undefined ? [] : linesOf(result)) lines.push(`    ${line}`)
  for (const context of result?.evidence[0]?.context ?? []) lines.push(`      ${context}`)
  if (consequences.length > 0) lines.push(`    and with it: ${consequences.join(', ')}`)
  lines.push(`    netaccel explain ${rule}`)
  return lines
}
