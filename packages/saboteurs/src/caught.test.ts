// Test the tester: each saboteur is named by its rule as the first cause, and a sound plugin by none.
import { RULES, ruleOf } from '@netaccel/core'
import { runKit } from '@netaccel/testkit'
import { afterAll, describe, expect, it } from 'vitest'
import { SABOTEURS, soundSource, sourceOf } from './index.js'
import type { Saboteur } from './index.js'

const full = process.env['NETACCEL_TIER'] === 'soak'
/** Rules whose checks name their saboteur. */
const NAMED: ReadonlySet<string> = new Set([
  'CT-02',
  'CT-03',
  'CT-06',
  'CT-07',
  'ER-01',
  'ER-02',
  'ER-03',
  'ER-04',
  'FL-01',
  'FL-02',
  'FL-03',
  'FL-04',
  'FL-05',
  'FL-06',
  'FL-07',
  'FL-08',
  'FL-09',
  'IR-01',
  'IR-02',
  'IR-03',
  'IR-04',
  'IR-05',
  'LC-01',
  'LC-02',
  'LC-03',
  'LC-04',
  'LC-05',
  'LC-06',
  'LC-07',
  'LC-09',
  'LC-10',
  'LC-11',
  'LC-13',
  'LC-14',
  'MEM-01',
  'MEM-02',
  'MEM-03',
  'MEM-04',
  'MEM-05',
  'MEM-07',
  'PF-02',
  'PF-03',
  'RX-01',
  'RX-02',
  'RX-03',
  'RX-04',
  'RX-05',
  'RX-06',
  'RX-08',
  'ST-01',
  'ST-02',
  'ST-03',
  'TX-01',
  'TX-02',
  'TX-04',
  'TX-05',
  'TX-06',
  'TX-07',
  'TX-08',
  'TX-09',
  'TX-10',
  'TX-11',
  'TX-12',
  'VN-01',
  'VN-02',
  'VN-03',
  'VN-04',
  'VN-05',
  'VN-06',
  'VN-07',
])
const table: string[] = []

describe('the saboteurs', () => {
  it('break every rule', () => {
    const broken = new Set(SABOTEURS.map(({ rule }) => rule))
    expect(RULES.map(({ id }) => id).filter((id) => !broken.has(id))).toEqual([])
  })

  it('have the twenty defects of the original among them', () => {
    const bugs = new Set(SABOTEURS.map(({ bug }) => bug).filter((bug) => bug !== undefined))
    expect([...bugs].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  })

  it('act under load, the second time, after a suspend, against a hostile end or rarely, 25 of them and more', () => {
    expect(SABOTEURS.filter(({ rule }) => (ruleOf(rule)?.marks.length ?? 0) > 0).length).toBeGreaterThan(24)
  })

  it.each(SABOTEURS.map((each) => [each.rule, each.title, each] as const))(
    '%s: %s, fits the plugin that it is made of',
    async (_, __, saboteur) => {
      const { plugin } = await runKit({ plugin: sourceOf(saboteur), rules: [], isolate: false })
      expect(plugin.packageName).toBe(`@netaccel/${saboteur.of}`)
    },
  )
})

describe('a saboteur', () => {
  // By its own rule's acts alone here; by the whole kit, in full, in the soak tier.
  it.each(
    SABOTEURS.filter(({ rule, rare }) => NAMED.has(rule) && (full || rare !== true)).map(
      (each) => [each.rule, each.title, each] as const,
    ),
  )('%s: %s, is caught', async (rule, _, saboteur) => {
    const { firstCauses } = await runKit({
      plugin: sourceOf(saboteur),
      isolate: saboteur.hangs === true,
      ...(full ? { full } : { rules: [rule], implied: false }),
    })
    table.push(lineOf(saboteur, firstCauses))
    expect(firstCauses.map((cause) => cause.rule)).toEqual([rule])
  })

  // For whoever asks what a run has shown: it is the table of the report.
  afterAll(() => {
    console.info(['rule | saboteur | first cause named | consequences', ...table].join('\n'))
  })
})

function lineOf(
  { rule, title }: Saboteur,
  causes: readonly { readonly rule: string; readonly consequences: readonly string[] }[],
): string {
  const named = causes.map((cause) => cause.rule).join(', ')
  const after = causes.flatMap(({ consequences }) => consequences).join(', ')
  return [rule, title, named || 'none', after || '-'].join(' | ')
}

describe('a sound plugin', () => {
  it.each(['accel-dummy', 'accel-solarflare-sim', 'accel-vmdq-sim'] as const)(
    '%s breaks no rule',
    async (sound) => {
      const { rules, firstCauses } = await runKit({ plugin: soundSource(sound), full })
      expect(rules.filter(({ outcome }) => outcome === 'failed')).toEqual([])
      expect(firstCauses).toEqual([])
    },
  )
})
