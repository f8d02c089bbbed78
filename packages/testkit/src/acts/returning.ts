import { left } from '@netaccel/host'
import type { Resources } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

export interface Returning {
  readonly scene: Scene
  /** How often the guest's half came back to a backend half that stayed. */
  readonly times: number
  /** What is taken more than when it had come for the first time. */
  readonly more: Partial<Resources>
}

const ATTACH_MS = 6000
/** What could not be given back is tried again every second. */
const AGAIN_MS = 1500

export const returning: Act<Returning> = {
  name: 'returning',
  title: "the guest's half leaves and comes back, and the driver domain's half stays",
  async run(kit) {
    const bench = await kit.bench()
    await bench.load()
    const { world } = bench
    const before = world.resources()
    let times = 0
    for (let cycle = 0; cycle < (kit.full ? 6 : 2); cycle += 1) {
      await world.suspend('a.guest1')
      world.cancelSuspend('a.guest1')
      if (await bench.until(() => bench.phases[0] === 'active', ATTACH_MS)) times += 1
      await bench.for(AGAIN_MS)
    }
    const more = left(before, world.resources())
    return { scene: await bench.finish('returning'), times, more }
  },
}
