import { describe, expect, it } from 'vitest'
import type { KitReport, RuleResult } from '../run/types.js'
import { badge } from './badge.js'
import { escapeText } from './escape.js'
import { htmlReport } from './html.js'
import { junitReport } from './junit.js'
import { terminalReport } from './terminal.js'

const result = (rule: RuleResult['rule'], outcome: RuleResult['outcome'], reason = ''): RuleResult => ({
  rule,
  outcome,
  reason,
  seen: 1,
  evidence: [],
})

const evil = `said "<b>&'\u0000\ud800"`

const report: KitReport = {
  kitVersion: '0.1.0',
  plugin: { name: 'my_nic', packageName: '@me/my-nic', version: '1.2.3', integrity: 'sha256-AbCdEfGhIjKl' },
  full: false,
  seed: 7,
  seconds: 4.25,
  counts: { passed: 1, 'not applicable': 1, waived: 1, failed: 2 },
  rules: [
    result('VN-01', 'passed'),
    result('TX-02', 'waived', 'the NIC loses them'),
    {
      ...result('TX-03', 'failed'),
      evidence: [{ sentence: evil, act: 'steady', seed: 7, at: 1_500_000, context: ['a.guest1: startXmit'] }],
    },
    result('RX-08', 'not applicable', 'the manifest does not declare rx-merge'),
    {
      ...result('FL-09', 'failed'),
      evidence: [{ sentence: '3 segments missed', act: 'steady', seed: 7, at: null, context: [] }],
    },
  ],
  firstCauses: [{ rule: 'TX-03', consequences: ['FL-09'] }],
  passed: false,
}

describe('a report', () => {
  it('in the terminal names first causes with what was seen, then what was left out, then the counts', () => {
    expect(
      terminalReport({ ...report, rules: report.rules.filter(({ rule }) => rule !== 'TX-03') }),
    ).toContain('TX-03')
    expect(terminalReport(report)).toBe(
      [
        '@me/my-nic@1.2.3 (my_nic) sha256-AbCdEfGhIjKl',
        '',
        'TX-03  failed  Declined or busy leaves no trace, all or nothing.',
        `    ${evil} (act steady, seed 7, at 1.500 ms)`,
        '      a.guest1: startXmit',
        '    and with it: FL-09',
        '    netaccel explain TX-03',
        '',
        'TX-02  waived: the NIC loses them',
        'RX-08  not applicable: the manifest does not declare rx-merge',
        '',
        '1 passed, 1 not applicable, 1 waived, 2 failed',
        'kit 0.1.0, quick, seed 7, 4.3 s',
        '',
      ].join('\n'),
    )
  })

  it('as JUnit keeps skipped apart from failed, and consequences apart from causes', () => {
    const xml = junitReport(report)
    expect(xml).toContain('<testsuites tests="5" failures="2" errors="0" skipped="2" time="4.25">')
    expect(xml).toContain('<skipped message="waived: the NIC loses them"/>')
    expect(xml).toContain(
      '<failure type="first cause" message="said &quot;&lt;b&gt;&amp;&#39;??&quot; (act steady',
    )
    expect(xml).toContain(
      '<failure type="consequence of TX-03" message="3 segments missed (act steady, seed 7)">',
    )
    expect(xml.match(/<testcase /g)).toHaveLength(5)
  })

  it('as a page and a badge loads nothing, and lets no text of a plugin become markup', () => {
    for (const text of [htmlReport(report), badge(report)]) {
      expect(text).not.toMatch(/<b>|<script|src=|href=|url\(/)
      expect(text).toContain('1 passed, 1 n/a, 1 waived, 2 failed')
      expect(text).toContain('AbCdEfGh')
    }
  })

  it('shows what XML allows in no form as a question mark', () => {
    expect(escapeText('a\tb\u0007\ufffe\ud83d\ude00\udc00<')).toBe('a\tb??\ud83d\ude00?&lt;')
  })
})
