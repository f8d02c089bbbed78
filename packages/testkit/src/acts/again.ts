import type { Scene } from '../bench/scene.js'
import type { Bench } from '../bench/bench.js'
import type { Act } from '../kit/act.js'

/** The part of a recording that belongs to one attachment of the same traffic. */
export interface Attached {
  /** Calls from this one to the one before `to`. */
  readonly from: number
  readonly to: number
  /** Phases of the vifs when the traffic began. */
  readonly phases: readonly string[]
}

export interface Again {
  readonly scene: Scene
  /** A generation's second attachment, after a first with a smaller MTU and smaller quotas. */
  readonly second: Attached
  /** The first attachment of a new generation, with nothing changed: what the second should have been like. */
  readonly fresh: Attached
}

const SMALL_MTU = 700
const SMALL_PAGES = 128

export const again: Act<Again> = {
  name: 'again',
  title: 'attach with small sizes, detach, attach with usual ones; then the same in a new generation',
  async run(kit) {
    const bench = await kit.bench()
    const mtus = bench.vifs.map(({ vif }) => vif.mtu)
    for (const { vif } of bench.vifs) vif.setMtu(SMALL_MTU)
    await bench.limit('max-buf-pages', String(SMALL_PAGES))
    await bench.load()
    await bench.for(1)
    await bench.wish(false)
    for (const [index, { vif }] of bench.vifs.entries()) vif.setMtu(mtus[index])
    await bench.limit('max-buf-pages', undefined)
    await bench.wish(true)
    const second = await traffic(bench, kit.full)
    await bench.unload()
    await bench.load()
    const fresh = await traffic(bench, kit.full)
    return { scene: await bench.finish('again'), second, fresh }
  },
}

async function traffic(bench: Bench, full: boolean): Promise<Attached> {
  const from = bench.recorder.calls.length
  const { phases } = bench
  bench.start({ flows: 12 })
  await bench.for(full ? 20 : 4)
  await bench.quiet()
  return { from, to: bench.recorder.calls.length, phases }
}
