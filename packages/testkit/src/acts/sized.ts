import type { BackendVif } from '@netaccel/core'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

export interface Sized {
  readonly scene: Scene
  /** Fewest pages first. */
  readonly tried: readonly { readonly pages: number; readonly phase: string }[]
}

/** Quotas of buffer pages around the sizes that a plugin may cut its requests to. */
const QUICK = [8, 33, 64, 65, 101, 131, 256, 383]
const FULL = Array.from({ length: 48 }, (_, i) => 8 * i + 1 + (i % 8))
const SETTLED = ['active', 'declined', 'none']

export const sized: Act<Sized> = {
  name: 'sized',
  title: 'a guest with this and that quota of buffer pages',
  async run(kit) {
    let pages = 0
    const bench = await kit.bench({
      rig: around(() => ({
        backendVif: (doors) => vary<BackendVif>(doors, { limits: { ...doors.limits, bufferPages: pages } }),
      })),
    })
    const hosts = ['a']
    const [vif] = bench.vifs
    const tried: { pages: number; phase: string }[] = []
    for (pages of kit.full ? FULL : QUICK) {
      await bench.load(hosts)
      await bench.until(() => SETTLED.includes(vif.phase), 6000)
      tried.push({ pages, phase: vif.phase })
      await bench.unload(hosts)
      await bench.for(100)
    }
    return { scene: await bench.finish('sized'), tried }
  },
}
