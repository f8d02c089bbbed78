// Test the tester: each saboteur is named by its rule as the first cause, and a sound plugin by none.
import { RULES, ruleOf } from '@netaccel/core'
import { runKit } from '@netaccel/testkit'
import { afterAll, describe, expect, it } from 'vitest'
import { SABOTEURS, soundSource, sourceOf } from './index.js'
import type { Saboteur } from './index.js'

const full = process.env['NETACCEL_TIER'] === 'soak'
/** Rules whose saboteur is caught in the soak tier alone, and why. */
const SOAK_ONLY: Readonly<Record<string, string>> = {
  'PF-01': 'the heap is measured over 100,000 frames, with the plugin and without',
}
/** A hook that hangs need not be waited for as long as in earnest. */
const SHORT = { cpu: 1, wall: 2 }
const table: string[] = []

describe('the saboteurs', () => {
  it('break every rule', () => {
    const broken = new Set(SABOTEURS.map(({ rule }) => rule))
    expect(RULES.map(({ id }) => id).filter((id) => !broken.has(id))).toEqual([])
  })

  it('are caught here, but for those that act too rarely', () => {
    const rare = SABOTEURS.filter((saboteur) => saboteur.rare === true).map(({ rule }) => rule)
    expect(rare).toEqual(Object.keys(SOAK_ONLY))
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
  // By its own rule's acts alone here. By the whole kit in the soak tier, and by its own rule's acts with full counts.
  it.each(
    SABOTEURS.filter(({ rare }) => full || rare !== true).map(
      (each) => [each.rule, each.title, each] as const,
    ),
  )('%s: %s, is caught', async (rule, _, saboteur) => {
    const { hangs = false, rare = false, traits = false } = saboteur
    const options = { plugin: sourceOf(saboteur), isolate: hangs, limits: SHORT, traits }
    const alone = { rules: [rule], implied: false }
    if (full) {
      const { firstCauses } = await runKit({ ...options, ...alone, full })
      expect(firstCauses.map((cause) => cause.rule)).toEqual([rule])
    }
    const { firstCauses, rules } = await runKit({ ...options, ...(full ? { full: rare } : alone) })
    table.push(lineOf(saboteur, firstCauses))
    expect(firstCauses.map((cause) => cause.rule)).toEqual([rule])
    // Each finding is named with its trait.
    const acts = rules.flatMap(({ evidence }) => evidence.map(({ act }) => act))
    expect(acts.filter((act) => traits && !/ (behind|beside) /.test(act))).toEqual([])
  })

  it.each(SABOTEURS.filter(({ traits }) => traits).map((each) => [each.rule, each.title, each] as const))(
    '%s: %s, shows in the surroundings of a trait alone',
    async (rule, _, saboteur) => {
      const options = { plugin: sourceOf(saboteur), isolate: false, rules: [rule], implied: false }
      expect((await runKit(options)).firstCauses).toEqual([])
    },
  )

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
