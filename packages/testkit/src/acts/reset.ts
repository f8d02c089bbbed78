import type { Scene } from '../bench/scene.js'
import { PortChanges } from '../bench/port-changes.js'
import type { Act } from '../kit/act.js'
import { needs } from '../kit/check.js'

export interface Reset {
  readonly scene: Scene
  /** Virtual times at which the port of the first host was reset. */
  readonly resets: readonly number[]
  /** Frames by the fast path before the first reset, and after each. */
  readonly fast: readonly number[]
}

const TRAFFIC = { flows: 8 } as const
/** How long the traffic goes on while a vif is not attached, and past every deadline of an attachment. */
const BACK_MS = 20
const PATIENCE_MS = 6000

/** The NIC of the first host is reset under traffic, twice. */
export const reset: Act<Reset> = {
  name: 'reset',
  title: 'the NIC is reset under traffic',
  unfit: needs('vi'),
  async run(kit) {
    const port = new PortChanges()
    const bench = await kit.bench({ rig: port.rig })
    await bench.load()
    bench.start(TRAFFIC)
    const [vif] = bench.vifs
    const resets: number[] = []
    const fast: number[] = []
    for (let round = 0; round < (kit.full ? 5 : 3); round += 1) {
      const from = bench.fast
      await bench.for(3)
      fast.push(bench.fast - from)
      resets.push(bench.world.timeline.now())
      port.reset(bench)
      await bench.until(() => vif.phase !== 'active', 50)
      const isActive = (): boolean => vif.phase === 'active'
      if (await bench.until(isActive, BACK_MS)) continue
      // It may come back at some deadline still. Seconds of traffic would say nothing more, and fill the memory.
      await bench.quiet()
      await bench.until(isActive, PATIENCE_MS)
      bench.start(TRAFFIC)
    }
    await bench.for(3)
    return { scene: await bench.finish('reset'), resets, fast }
  },
}
