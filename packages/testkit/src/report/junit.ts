import type { KitReport, RuleResult } from '../run/types.js'
import { escapeText } from './escape.js'
import { causeOf, linesOf, pluginLine, sentenceOf } from './words.js'

/**
 * JUnit XML: a test case for each rule. What is waived or does not apply is skipped, with its reason; which of the two it was
 * stands in the message.
 */
export function junitReport(report: KitReport): string {
  const { counts, rules } = report
  const skipped = counts.waived + counts['not applicable']
  const sums = `tests="${rules.length}" failures="${counts.failed}" errors="0" skipped="${skipped}" time="${report.seconds}"`
  const name = escapeText(`conformance of ${pluginLine(report)}`)
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${sums}>`,
    `  <testsuite name="${name}" ${sums}>`,
    '    <properties>',
    property('kit version', report.kitVersion),
    property('integrity', report.plugin.integrity),
    property('seed', String(report.seed)),
    '    </properties>',
    ...rules.flatMap((result) => testCase(report, result)),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function property(name: string, value: string): string {
  return `      <property name="${escapeText(name)}" value="${escapeText(value)}"/>`
}

function testCase(report: KitReport, result: RuleResult): string[] {
  const { rule, outcome } = result
  const open = `    <testcase classname="${rule.slice(0, rule.indexOf('-'))}" name="${escapeText(`${rule}: ${sentenceOf(rule)}`)}"`
  if (outcome === 'passed') return [`${open}/>`]
  const lines = linesOf(result)
  if (outcome !== 'failed')
    return [
      `${open}>`,
      `      <skipped message="${escapeText([outcome, ...lines].join(': '))}"/>`,
      '    </testcase>',
    ]
  const cause = causeOf(report, rule)
  const type = cause === undefined ? 'first cause' : `consequence of ${cause}`
  const text = [...lines, ...result.evidence.flatMap(({ context }) => context)].join('\n')
  return [
    `${open}>`,
    `      <failure type="${type}" message="${escapeText(lines[0] ?? '')}">${escapeText(text)}</failure>`,
    '    </testcase>',
  ]
}
