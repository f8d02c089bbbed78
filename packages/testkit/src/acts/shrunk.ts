import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

export const SMALL_MTU = 600

/** Calls from `from` to before `to` were made with this MTU of the first guest's device. */
export interface Shrunk {
  readonly scene: Scene
  readonly spans: readonly { readonly mtu: number; readonly from: number; readonly to: number }[]
}

export const shrunk: Act<Shrunk> = {
  name: 'shrunk',
  title: 'frames above the MTU, and the MTU lowered under load',
  async run(kit) {
    const bench = await kit.bench()
    await bench.load()
    const [{ vif }] = bench.vifs
    const { calls } = bench.recorder
    const spans: Shrunk['spans'][number][] = []
    const sender = new Sender(bench)
    const load = async (mtu: number): Promise<void> => {
      const from = calls.length
      for (let round = 0; round < (kit.full ? 40 : 8); round += 1)
        for (const size of [100, mtu - 28, mtu - 27, mtu + 100, 2500]) {
          sender.send(sender.datagram(size), sender.datagram(size, false), sender.segment(mtu - 40))
          await bench.for(0.05)
        }
      spans.push({ mtu, from, to: calls.length })
    }
    bench.start({ flows: 4 })
    await bench.for(4)
    await bench.quiet()
    await load(vif.mtu)
    vif.setMtu(SMALL_MTU)
    await load(SMALL_MTU)
    // The books of frames that no path can carry say nothing; the border is judged.
    return { scene: await bench.finish('shrunk'), spans }
  },
}
