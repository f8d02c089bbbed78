import { scaleCosts } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { queuesPage } from './queues-page.js'
import { COST_TABLES, measurePoint, XEON_2013 } from './queues.js'

const table = COST_TABLES[XEON_2013.name]

describe('the experiment of the announcement of multi-queue', () => {
  it('one queue carries the published 6 Gb/s to a NIC of 10, two nearly fill it', async () => {
    const one = await measurePoint('nic', 1, table, 4)
    const two = await measurePoint('nic', 2, table, 4)
    expect(one.gbps).toBeCloseTo(6, 0)
    expect(two.gbps).toBeGreaterThan(9)
  })

  it.each([0.5, 1, 2])(
    'guest to guest several queues carry more than the published 171 percent of one, costs times %d',
    async (factor) => {
      const costs = scaleCosts(table, factor)
      const one = await measurePoint('local', 1, costs, 1)
      const four = await measurePoint('local', 4, costs, 1)
      expect(four.gbps / one.gbps).toBeGreaterThan(1.71)
      // They scale out; each bit costs no less.
      expect(four.driverPerGb).toBeGreaterThan(0.9 * one.driverPerGb)
    },
  )

  it('is the same each time it is run', async () => {
    const points = [await measurePoint('local', 2, table, 0.5), await measurePoint('local', 2, table, 0.5)]
    expect(points[0]).toEqual(points[1])
    const page = queuesPage([{ costs: 'x', factor: 1, points }])
    expect(page).toContain(JSON.stringify(points.map(({ gbps }) => gbps)))
  })
})
