import type { Mix } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

/** Every kind of flow that the host can generate. */
export const ALL_SHAPES: Mix = { tcp: 0.35, tcp6: 0.1, udp: 0.2, short: 0.15, icmp: 0.1, arp: 0.1 }

export const steady: Act<Scene> = {
  name: 'steady',
  title: 'attach, traffic of all shapes both ways, detach',
  async run(kit) {
    const bench = await kit.bench()
    await bench.load()
    bench.start({ flows: 16, mix: ALL_SHAPES, gapNs: 60_000 })
    await bench.for(kit.full ? 60 : 5)
    return bench.finish('steady')
  },
}
