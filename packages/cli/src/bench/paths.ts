import { build, type HostValue, type World, type WorldValue } from '@netaccel/host'
import { Stream } from './stream.js'

/** `local`: between two guests of a host. `wire`: between guests of two hosts, by the rings or past them. */
export type PathName = 'local' | 'wire-slow' | 'wire-fast'

/** One path of frames, measured. */
export interface PathRate {
  readonly path: PathName
  readonly bytes: number
  /** Frames a second of processor time, the middle one of several. */
  readonly framesPerSecond: number
  /** The lowest and the highest of them. */
  readonly lowest: number
  readonly highest: number
}

const NICS = ['00:0f:53:00:00:0a', '00:0f:53:00:00:0b']
const MACS = ['00:16:3e:00:00:01', '00:16:3e:00:00:02']
const ROUNDS = 5

/** The lengths that are measured: the shortest frame there is, and a full one. */
export const LENGTHS = [64, 1500] as const

/** Measure one path: a world of its own, on the machine's clock, without the judge at the edges. */
export async function measure(
  path: PathName,
  bytes: number,
  seconds: number,
  accelerator: string,
): Promise<PathRate> {
  const world = await build(
    { ...(path === 'local' ? one : two), clock: 'real' },
    { oracle: false, meter: false },
  )
  try {
    if (path === 'wire-fast') await world.load(accelerator)
    const [from, to] = world.vifs
    const stream = new Stream(from, to, bytes)
    // V8 compiles for what it has seen: as long for it as for all that is measured.
    await rate(world, stream, seconds / 2)
    const rates: number[] = []
    for (let round = 0; round < ROUNDS; round++) rates.push(await rate(world, stream, seconds / 2 / ROUNDS))
    rates.sort((a, b) => a - b)
    const [lowest, framesPerSecond, highest] = [0, ROUNDS >> 1, ROUNDS - 1].map((at) => Math.round(rates[at]))
    return { path, bytes, framesPerSecond, lowest, highest }
  } finally {
    await world.close()
  }
}

async function rate(world: World, stream: Stream, seconds: number): Promise<number> {
  const before = stream.arrived
  const used = process.cpuUsage()
  stream.start()
  await world.run({ for: seconds * 1e9 })
  stream.stop()
  const { user, system } = process.cpuUsage(used)
  const frames = stream.arrived - before
  await world.run({ for: 3_000_000 })
  return (frames / (user + system)) * 1e6
}

const vif = (at: number) => ({ vifs: { vif0: { mac: MACS[at], accel: 'eth0' } } })

const one: WorldValue = {
  hosts: {
    a: {
      nics: { eth0: { mac: NICS[0] } },
      guests: { guest1: vif(0), guest2: vif(1) },
      links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'],
    },
  },
}

const host = (at: number): HostValue => ({
  nics: { eth0: { mac: NICS[at] } },
  guests: { guest1: vif(at) },
  links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
})

const two: WorldValue = { hosts: { a: host(0), b: host(1) }, wires: ['a.eth0 -> b.eth0'] }
