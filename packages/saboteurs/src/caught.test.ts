// Test the tester: each saboteur is named by its rule as the first cause, and a sound plugin by none.
import { runKit } from '@netaccel/testkit'
import { describe, expect, it } from 'vitest'
import { folderOf, SABOTEURS, sourceOf } from './index.js'

const full = process.env['NETACCEL_TIER'] === 'soak'

describe('a saboteur', () => {
  // By its own rule's acts alone here; by the whole kit, in full, in the soak tier.
  it.each(
    SABOTEURS.filter(({ rare }) => full || rare !== true).map(
      (each) => [each.rule, each.title, each] as const,
    ),
  )('of %s that %s is caught', async (rule, _, saboteur) => {
    const { firstCauses } = await runKit({
      plugin: sourceOf(saboteur),
      isolate: saboteur.hangs === true,
      ...(full ? { full } : { rules: [rule], implied: false }),
    })
    expect(firstCauses.map((cause) => cause.rule)).toEqual([rule])
  })
})

describe('a sound plugin', () => {
  it.each(['accel-dummy', 'accel-solarflare-sim', 'accel-vmdq-sim'] as const)(
    '%s breaks no rule',
    async (sound) => {
      const { rules, firstCauses } = await runKit({ plugin: folderOf(sound), full })
      expect(rules.filter(({ outcome }) => outcome === 'failed')).toEqual([])
      expect(firstCauses).toEqual([])
    },
  )
})
