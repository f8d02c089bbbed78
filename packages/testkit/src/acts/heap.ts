import { getHeapSpaceStatistics } from 'node:v8'
import { build, readFolder, startTraffic } from '@netaccel/host'
import type { World } from '@netaccel/host'
import { collector } from '@netaccel/xen'
import { localValue, pairValue, topologyOf } from '../bench/values.js'
import type { Act, Kit } from '../kit/act.js'

/** Wire segments of one round: what a round leaves behind stays far below what V8 collects on the way. */
const ROUND = 20_000
const ROUNDS = 5
/** Segments before the first: V8 compiles, and compiling allocates. */
const WARM = 60_000
const MIX = { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 } as const
const LOOK_NS = 1_000_000
/** Looks at which nothing was sent before the traffic is given up: some seconds, past every deadline of an attachment. */
const PATIENCE = 3000

/** Bytes of heap that one frame has cost, in the middle of the rounds. */
export interface HeapUse {
  readonly withPlugin: number
  readonly without: number
  /** Frames of the rounds that the plugin has carried. */
  readonly fast: number
}

/** Without recorder, oracle and meter, which allocate for every frame. */
export const heap: Act<HeapUse> = {
  name: 'heap',
  title: `the heap over ${ROUND * ROUNDS} frames, with the plugin and without`,
  full: true,
  async run(kit) {
    const without = await measured(kit, false)
    const withPlugin = await measured(kit, true)
    return { withPlugin: withPlugin.each, without: without.each, fast: withPlugin.fast }
  },
}

async function measured(
  { subject, seed, hardware }: Kit,
  loaded: boolean,
): Promise<{ each: number; fast: number }> {
  const isPair = topologyOf(subject) === 'pair'
  const value = isPair ? pairValue(subject, seed, hardware) : localValue(subject, seed)
  const { folder, options = {} } = subject.source
  const { vary } = subject
  const world = await build(value, {
    oracle: false,
    meter: false,
    readPackage: (name) => (name === folder ? subject.package : readFolder(name)),
    ...(vary !== null && { wrap: vary }),
  })
  if (loaded) await world.load(folder, { options })
  const [one, two] = world.vifs
  const traffic = startTraffic(world, one.path, two.path, { flows: 4, mix: MIX, burst: 32, gapNs: 30_000 })
  const until = async (sent: number): Promise<void> => {
    const end = traffic.sent + sent
    let still = 0
    while (traffic.sent < end && still < PATIENCE) {
      const before = traffic.sent
      await world.run({ for: LOOK_NS })
      still = traffic.sent === before ? still + 1 : 0
    }
  }
  await until(WARM)
  const collect = collector()
  const grown: number[] = []
  const before = fastOf(world)
  for (let round = 0; round < ROUNDS; round += 1) {
    collect()
    const from = objectBytes()
    await until(ROUND)
    grown.push((objectBytes() - from) / ROUND)
  }
  const fast = fastOf(world) - before
  await traffic.stop()
  await world.drain()
  await world.close()
  return { each: grown.toSorted((a, b) => a - b)[ROUNDS >> 1], fast }
}

function fastOf(world: World): number {
  return world.vifs.flatMap(({ fast }) => fast).reduce((sum, { tx_packets: sent }) => sum + sent, 0)
}

/** Bytes of objects. Machine code is the compiler's, and comes in large steps. */
function objectBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !name.startsWith('code_'))
    .reduce((sum, { space_used_size: used }) => sum + used, 0)
}
