import { CROWD, SLOW_WIRE } from '../bench/crowd.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

export const saturated: Act<Scene> = {
  name: 'saturated',
  title:
    'bursts longer than the rings, over a slow wire, with the plugin unloaded and loaded again meanwhile',
  async run(kit) {
    const bench = await kit.bench({
      value: (value) =>
        value.wires === undefined ? value : { ...value, wires: [{ link: 'a.eth0 -> b.eth0', ...SLOW_WIRE }] },
    })
    await bench.load()
    bench.start({ ...CROWD, gapNs: 400_000 })
    for (let cycle = 0; cycle < (kit.full ? 12 : 2); cycle += 1) {
      await bench.for(5)
      await bench.unload()
      await bench.for(1)
      await bench.load()
    }
    await bench.for(5)
    return bench.finish('saturated')
  },
}
