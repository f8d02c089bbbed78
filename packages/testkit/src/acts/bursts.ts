import type { FrontendQueue } from '@netaccel/core'
import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'

/** How long the frames of a burst may take to leave, and then to be completed, when nothing else goes on. */
const LEAVE_MS = 1
const SILENCE_MS = 2
const POLL_MS = 0.2

/** A burst, then silence. */
export interface Burst {
  readonly size: number
  /** Numbers of calls: those of the burst and of its silence are from `from` to before `to`. */
  readonly from: number
  readonly to: number
  /** Frames that had left before the first poll that the host made by itself, as the wire's log had them. */
  readonly left: number
}

export interface Bursts {
  readonly scene: Scene
  readonly bursts: readonly Burst[]
}

/** The host polls by itself in the end, so that it does not matter whether completions wake it. */
export const bursts: Act<Bursts> = {
  name: 'bursts',
  title: 'a burst of 1 to 64 frames, then silence, with nothing but polls',
  async run(kit) {
    const doors = new Set<FrontendQueue>()
    const bench = await kit.bench({
      rig: around(() => ({
        queueDoors: (queue) => {
          doors.add(queue)
          return queue
        },
      })),
    })
    await bench.load()
    bench.start({ flows: 4 })
    await bench.for(3)
    await bench.quiet()
    const sender = new Sender(bench)
    const letter = sender.datagram(200)
    const { calls } = bench.recorder
    const done: Burst[] = []
    for (const size of kit.full ? Array.from({ length: 64 }, (_, i) => i + 1) : [1, 2, 3, 5, 8, 17, 33, 64]) {
      const from = calls.length
      sender.send(...Array.from({ length: size }, () => letter))
      await bench.for(LEAVE_MS)
      const left = bench.wireLog.sent.length
      for (let waited = 0; waited < SILENCE_MS; waited += POLL_MS) {
        await bench.for(POLL_MS)
        for (const queue of doors) queue.schedule()
      }
      done.push({ size, from, to: calls.length, left })
    }
    return { scene: await bench.finish('bursts'), bursts: done }
  },
}
