import { ruleOf } from '@netaccel/core'
import { CHECKS } from './checks/index.js'
import type { PluginSource } from './plugin/source.js'
import { runKit } from './run/run-kit.js'
import type { KitReport, Waiver } from './run/types.js'

/** What vitest, jest, mocha with an `expect`, or node:test with one offer: the kit depends on none of them. */
export interface Runner {
  describe(title: string, body: () => void): unknown
  test(title: string, body: () => Promise<void>, timeout?: number): unknown
  expect(actual: unknown, message?: string): { toEqual(expected: unknown): void }
}

export interface ConformanceOptions {
  /** Folder of the plugin's package, or a variation of it. */
  readonly plugin: string | PluginSource
  readonly hardware?: string
  readonly skip?: readonly Waiver[]
  readonly full?: boolean
  readonly seed?: number
}

/** The first test waits for the whole run, on a machine that may be busy. */
const PATIENCE_MS = 300_000

/**
 * One test for each rule. The kit runs once, in the first of them.
 *
 * ```ts
 * import { describe, expect, test } from 'vitest'
 * conformance({ describe, test, expect }, { plugin: fileURLToPath(new URL('..', import.meta.url)) })
 * ```
 */
export function conformance({ describe, test, expect }: Runner, options: ConformanceOptions): void {
  let running: Promise<KitReport> | undefined
  const report = (): Promise<KitReport> => (running ??= runKit(options))
  describe('conformance', () => {
    for (const { rule } of CHECKS) {
      const title = `${rule}: ${ruleOf(rule)?.sentence}`
      test(
        title,
        async () => {
          const { rules, firstCauses } = await report()
          const result = rules.find((each) => each.rule === rule)
          const cause = firstCauses.find(({ consequences }) => consequences.includes(rule))
          const seen = result?.evidence.map(
            ({ sentence, act, seed, at }) => `${sentence} (${act}, seed ${seed}, ${at} ns)`,
          )
          const broken = result?.outcome === 'failed' ? [result.reason, ...(seen ?? [])].filter(Boolean) : []
          const note = cause === undefined ? [] : [`a consequence of ${cause.rule}`]
          expect(broken.length > 0 ? [...broken, ...note] : []).toEqual([])
        },
        PATIENCE_MS,
      )
    }
  })
}
