import type { Frame } from '@netaccel/core'
import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { hashOf } from '../record/frame-facts.js'

/** How long the stack keeps each frame. */
const KEPT_NS = 3_000_000

export interface Held {
  readonly scene: Scene
  /** Frames that were other ones when the stack gave them back than when it was given them. */
  readonly changed: readonly { readonly at: number; readonly length: number }[]
  /** Frames that the stack has kept. */
  readonly kept: number
}

/** A stack that is slow to read: more frames are with it than a plugin has buffers. */
export const held: Act<Held> = {
  name: 'held',
  title: 'a stack that keeps each received frame for 3 ms, and is sent more than the plugin has buffers for',
  async run(kit) {
    const bench = await kit.bench()
    await bench.load()
    bench.start({ flows: 4 })
    await bench.for(4)
    await bench.quiet()
    const [, two] = bench.vifs
    const before = two.stack
    const changed: Held['changed'][number][] = []
    let kept = 0
    two.stack = {
      receive: (frame: Frame) => {
        const hash = hashOf(frame)
        const { length } = frame
        kept += 1
        two.engine.after(KEPT_NS, () => {
          if (hashOf(frame) !== hash || frame.length !== length)
            changed.push({ at: bench.world.timeline.now(), length })
          frame.release()
        })
      },
      wake: () => undefined,
    }
    const sender = new Sender(bench)
    const letter = sender.datagram(120, false)
    for (let sent = 0; sent < (kit.full ? 6000 : 1200); sent += 24) {
      sender.send(...Array.from({ length: 24 }, () => letter))
      await bench.for(0.05)
    }
    await bench.for(60)
    two.stack = before
    return { scene: await bench.finish('held'), changed, kept }
  },
}
