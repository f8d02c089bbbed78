// The same with vifs of several queues on several virtual CPUs: the plugin is opened on the first queue, by which netback
// sends all that is for the guest while the order of flows is kept.
import { fileURLToPath } from 'node:url'
import { switchingTrial, switchingWire, twoHosts } from '@netaccel/host'
import type { HostValue, WorldValue } from '@netaccel/host'
import { expect, it } from 'vitest'

const FOLDER = fileURLToPath(new URL('../..', import.meta.url))
const CYCLES = process.env['NETACCEL_TIER'] === 'soak' ? 2000 : 3

function withQueues(count: number): WorldValue {
  const value = twoHosts('eth0', switchingWire)
  const host = ({ guests = {}, ...rest }: HostValue): HostValue => ({
    ...rest,
    driver: { vcpus: count },
    guests: Object.fromEntries(
      Object.entries(guests).map(([name, guest]) => [name, { ...guest, vcpus: count }]),
    ),
  })
  const hosts = Object.entries(value.hosts).map(([name, each]) => [name, host(each)] as const)
  return { ...value, hosts: Object.fromEntries(hosts) }
}

it(
  `${CYCLES} cycles of load and unload with 3 queues a vif lose, double and reorder nothing`,
  async () => {
    const pluginOptions = { tx: 64, replacement: 'random', leastIdle: 0, slowStart: 300 }
    const world = withQueues(3)
    const report = await switchingTrial({ world, plugin: FOLDER, pluginOptions, cycles: CYCLES, seed: 3 })
    expect(report.verdict.reasons).toEqual([])
    expect(report.verdict).toMatchObject({ verdict: 'nothing lost', dropped: {}, asked: {} })
    expect(report.verdict.oracle).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
    expect(report.left).toEqual({})
    expect(report.cycles).toBe(CYCLES)
    expect(report.segments.fast).toBeGreaterThan(100)
    expect(report.segments.slow).toBeGreaterThan(300)
  },
  60_000 + CYCLES * 1000,
)
