import { fileURLToPath } from 'node:url'
import { PLACES, switchingTrial, twoHosts } from '@netaccel/host'
import { describe, expect, it } from 'vitest'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))
const SOAK = process.env.NETACCEL_TIER === 'soak'
/** Cycles of load and unload in all, over the seeds. */
const CYCLES = SOAK ? 5000 : 200
const SEEDS = SOAK ? 10 : 4

describe(`${CYCLES} cycles of load and unload under traffic`, () => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
    'lose, double and reorder nothing and leave nothing behind, seed %i',
    async (seed) => {
      const report = await switchingTrial({
        world: twoHosts(),
        plugin: FOLDER,
        // A small ring is soon full: frames are parked at many of the switches. Every other time received segments are merged
        // from the first on.
        pluginOptions: { tx: 64, slowStart: seed % 2 === 0 ? 0 : 300 },
        cycles: CYCLES / SEEDS,
        seed,
        flows: 32,
      })
      expect(report.verdict.reasons).toEqual([])
      expect(report.verdict).toMatchObject({ verdict: 'nothing lost', dropped: {}, asked: {} })
      expect(report.verdict.oracle).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
      expect(report.left).toEqual({})
      expect(report.switches).toBe((4 * CYCLES) / SEEDS)
      // A switch that meets nothing shows nothing.
      for (const place of PLACES) expect(report.coverage[place], place).toBeGreaterThanOrEqual(0.2)
      console.log(
        `seed ${seed}: ${report.switches} switches, ${report.segments.slow} segments slow, ${report.segments.fast} fast, ` +
          `${report.reordered} reordered; ${PLACES.map((place) => `${place} ${Math.round(report.coverage[place] * 100)} %`).join(', ')}`,
      )
    },
  )

  it('reorder thousands of segments when the order fence is off', async () => {
    const report = await switchingTrial({
      world: twoHosts(),
      plugin: FOLDER,
      pluginOptions: { tx: 64 },
      cycles: 5,
      seed: 1,
      orderFence: false,
    })
    expect(report.verdict.oracle).toMatchObject({ missing: 0, doubled: 0 })
    expect(report.reordered).toBeGreaterThan(500)
    expect(report.verdict.verdict).toBe('lost')
  })
})
