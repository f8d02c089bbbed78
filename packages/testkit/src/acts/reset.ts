import type { PortChange } from '@netaccel/core'
import type { Scene } from '../bench/scene.js'
import type { Bench } from '../bench/bench.js'
import type { Act } from '../kit/act.js'
import { needs } from '../kit/check.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

export interface Reset {
  readonly scene: Scene
  /** Virtual times at which the port of the first host was reset. */
  readonly resets: readonly number[]
  /** Frames by the fast path before the first reset, and after each. */
  readonly fast: readonly number[]
}

const TRAFFIC = { flows: 8 } as const
/** How long the traffic goes on while a vif is not attached, and past every deadline of an attachment. */
const BACK_MS = 100
const PATIENCE_MS = 6000

/** The NIC of the first host is reset under traffic, twice. */
export const reset: Act<Reset> = {
  name: 'reset',
  title: 'the NIC is reset under traffic',
  unfit: needs('vi'),
  async run(kit) {
    const ports: ((change: PortChange) => void)[] = []
    const rig = around((_, where) =>
      where !== 'a.driver'
        ? {}
        : {
            hardware: (inner) =>
              vary(inner, {
                onChange(changed) {
                  ports.push(changed)
                  inner.onChange(changed)
                },
              }),
          },
    )
    const bench = await kit.bench({ rig })
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
      resetPort(bench, ports)
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

/** The simulated NIC is reset itself; of hardware that a plugin brings the change is announced. */
function resetPort({ world }: Bench, ports: readonly ((change: PortChange) => void)[]): void {
  const nic = world.host('a').nics.get('eth0')
  if (nic !== undefined) return nic.driver.reset()
  for (const kind of ['reset', 'reset-done'] as const) for (const changed of ports) changed({ kind })
}
