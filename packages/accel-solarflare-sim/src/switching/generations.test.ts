import { getHeapSpaceStatistics } from 'node:v8'
import { build, startTraffic, twoHosts, type World } from '@netaccel/host'
import { expect, it } from 'vitest'
import { buildOf } from '../testing/builds.js'

const SOAK = process.env['NETACCEL_TIER'] === 'soak'
const GENERATIONS = SOAK ? 3000 : 200
/** Generations between two looks at the heap. */
const ROUND = SOAK ? 100 : 25
const FRAMES = 500
/** Half a minute of one core alone; many times that on a machine that others use too. */
const TIMEOUT_MS = (SOAK ? 120 : 15) * 60_000
const UDP = { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 }

/**
 * Bytes kept for each generation. Until functions are hot the host itself grows with them, for some hundreds of generations,
 * so that the short run sees no more than that nothing of a generation's size is kept: its text alone is 100 KB.
 */
const MOST_KEPT = SOAK ? 1024 : 16_384

/** What lives, without machine code, which comes and goes in steps. */
async function heap(): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !name.includes('code'))
    .reduce((sum, { space_used_size: used }) => sum + used, 0)
}

/** The median of the slopes between all pairs (Theil and Sen): a step, up or down, in one place does not move it. */
function slope(values: readonly number[]): number {
  const slopes = values.flatMap((from, i) => values.slice(i + 1).map((to, k) => (to - from) / (k + 1)))
  return slopes.toSorted((a, b) => a - b)[slopes.length >> 1]
}

/** One generation of both halves, attached, with at least so many frames each way on its fast path. */
async function generation(world: World, build: number): Promise<void> {
  await world.load(String(build), { hosts: ['a'] })
  const { tx, rx } = world.vif('a.guest1.vif0').meter
  const [sent, received] = [tx.fast.segments + FRAMES, rx.fast.segments + FRAMES]
  await world.run({
    for: 1_000_000_000,
    until: () => tx.fast.segments >= sent && rx.fast.segments >= received,
  })
  expect([tx.fast.segments >= sent, rx.fast.segments >= received]).toEqual([true, true])
  expect((await world.unload('sfc_netfront', { hosts: ['a'] })).forced).toBe(false)
}

it(
  `${GENERATIONS} builds come and go under traffic: each is collected, little is kept, nothing is lost`,
  async () => {
    const world = await build(twoHosts(), { readPackage: (version) => buildOf(version) })
    const mix = { burst: 64, gapNs: 30_000, flows: 4, mix: { ...UDP, short: 0 } }
    const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0', mix)
    const sizes: number[] = []
    let proven = 0
    for (let n = 1; n <= GENERATIONS; n += 1) {
      await generation(world, n)
      if (n % ROUND !== 0) continue
      const proof = await world.prove()
      expect(proof.leaked).toEqual([])
      proven += proof.proven
      sizes.push(await heap())
    }
    expect(proven).toBe(2 * GENERATIONS)
    // The first third is warm-up.
    const kept = slope(sizes.slice(Math.ceil(sizes.length / 3))) / ROUND
    if (SOAK) console.log(`${kept.toFixed(0)} bytes kept for a generation, over ${GENERATIONS}`)
    expect(kept).toBeLessThan(MOST_KEPT)
    await traffic.stop()
    expect(await world.drain()).toBe(true)
    expect(world.judge().reasons).toEqual([])
    await world.close()
  },
  TIMEOUT_MS,
)
