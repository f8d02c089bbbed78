import { pauseTrial, twoHosts } from '@netaccel/host'
import { describe, expect, it } from 'vitest'
import { FOLDER } from '../testing/two-hosts.js'

const CYCLES = process.env['NETACCEL_TIER'] === 'soak' ? 300 : 25

describe('the pause of a switch', () => {
  it.each([1, 0.5, 2])(
    'is below a millisecond for 99 in 100 flows, with costs times %d',
    async (costFactor) => {
      const report = await pauseTrial({ world: twoHosts(), plugin: FOLDER, cycles: CYCLES, costFactor })
      const [median, p99, longest] = [report.median, report.p99, report.longest].map((ns) => ns / 1000)
      console.log(
        `costs times ${costFactor}: ${report.pauses} pauses, median ${median.toFixed(0)} us, p99 ${p99.toFixed(0)} us, longest ${longest.toFixed(0)} us`,
      )
      expect(report.verdict.reasons).toEqual([])
      expect(report.pauses).toBe(CYCLES * 16)
      expect(report.fast).toBeGreaterThan(0.2)
      expect(p99).toBeLessThan(1000)
    },
  )
})
