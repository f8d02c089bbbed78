import { build, twoHosts } from '@netaccel/host'
import type { World } from '@netaccel/host'
import { expect, it } from 'vitest'
import { FOLDER } from '../testing/two-hosts.js'

const SOAK = process.env['NETACCEL_TIER'] === 'soak'
/** Until functions are hot their code grows for some hundreds of cycles, which takes a minute: so only with full counts. */
const WARM = 450
const ROUND = 150
const ROUNDS = 8

async function cycles(world: World, count: number): Promise<void> {
  for (let cycle = 0; cycle < count; cycle += 1) {
    await world.load(FOLDER, { hosts: ['a'] })
    await world.unload('sfc_netfront', { hosts: ['a'] })
  }
}

/** What lives, when promises, finalizers and weak references have had their turn. */
async function heap(): Promise<number> {
  for (let i = 0; i < 4; i += 1) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

/** The median of the slopes between all pairs (Theil and Sen): a step, up or down, in one place does not move it. */
function slope(values: readonly number[]): number {
  const slopes = values.flatMap((from, i) => values.slice(i + 1).map((to, k) => (to - from) / (k + 1)))
  return slopes.toSorted((a, b) => a - b)[slopes.length >> 1]
}

it.runIf(SOAK)('a load and an unload keep less than 1 KB of heap', async () => {
  const world = await build(twoHosts())
  await cycles(world, WARM)
  // The machine's own code comes and goes in steps while functions become hot, which no cycle keeps.
  const sizes = [await heap()]
  for (let round = 0; round < ROUNDS; round += 1) {
    await cycles(world, ROUND)
    sizes.push(await heap())
  }
  const kept = slope(sizes) / ROUND
  console.log(`${kept.toFixed(0)} bytes kept for a cycle, over ${ROUNDS * ROUND} cycles`)
  expect(kept).toBeLessThan(1024)
  await world.close()
})
