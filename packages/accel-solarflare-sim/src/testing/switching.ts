// One seed of the trial that switching loses nothing, as the tests of switching/ run it.
import { fileURLToPath } from 'node:url'
import { MET, switchingTrial, switchingWire, twoHosts } from '@netaccel/host'
import type { SwitchingOptions, SwitchingReport } from '@netaccel/host'
import { expect, it } from 'vitest'

const FOLDER = fileURLToPath(new URL('../..', import.meta.url))
const CYCLES = process.env['NETACCEL_TIER'] === 'soak' ? 10_000 : 1000
/** Half a minute of processor time in a thousand cycles, on a machine that may have much else to do. */
const PATIENCE_MS = CYCLES * 1000

/**
 * More flows than a guest has filters, and each new one takes another's; a small ring is soon full. Every other time received
 * segments are merged from the first on.
 */
const pluginOptions = (seed: number) => ({
  tx: 64,
  replacement: 'random',
  leastIdle: 0,
  slowStart: seed % 2 === 0 ? 0 : 300,
})

export function trial(options: Omit<SwitchingOptions, 'world' | 'plugin'>): Promise<SwitchingReport> {
  const world = twoHosts('eth0', switchingWire)
  return switchingTrial({ world, plugin: FOLDER, pluginOptions: pluginOptions(options.seed), ...options })
}

/** Declares the test of one seed. In a file each, so that they run beside one another. */
export function testSeed(seed: number): void {
  it(
    `scenario 26: ${CYCLES} cycles of load and unload under traffic lose, double and reorder nothing, seed ${seed}`,
    async () => {
      const report = await trial({ cycles: CYCLES, seed })
      console.log(figures(seed, report))
      expect(report.verdict.reasons).toEqual([])
      expect(report.verdict).toMatchObject({ verdict: 'nothing lost', dropped: {}, asked: {} })
      expect(report.verdict.oracle).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
      expect(report.left).toEqual({})
      expect(report.cycles).toBe(CYCLES)
      expect(report.inFlight).toBeGreaterThanOrEqual(200)
      // A switch that meets nothing shows nothing.
      for (const met of MET) expect(report.coverage[met], met).toBeGreaterThanOrEqual(0.2)
    },
    PATIENCE_MS,
  )
}

function figures(seed: number, report: SwitchingReport): string {
  const { cycles, switches, segments, inFlight, coverage } = report
  const met = MET.map((each) => `${each} ${Math.round(coverage[each] * 100)} %`).join(', ')
  return (
    `seed ${seed}: ${cycles} cycles, ${switches} switches, ${segments.slow} segments slow, ${segments.fast} fast, ` +
    `${Math.round(inFlight)} in flight; at the switches: ${met}`
  )
}
