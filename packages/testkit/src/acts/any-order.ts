import { Random } from '@netaccel/packet'
import type { AcceleratedQueue, AcceleratedVif, Frame } from '@netaccel/core'
import type { Bench } from '../bench/bench.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** Hooks that are called between those that the host calls. */
const MOST = 6

/**
 * The queue's hooks in any order and number, beside what the host calls: before the first poll, inside each poll, while the
 * link is down. Only those are added that leave the host's own count of frames as it is.
 */
export const anyOrder: Act<Scene> = {
  name: 'any-order',
  title: 'queue hooks in any order and number, the link down and up again',
  async run(kit) {
    const random = new Random(kit.seed).fork('any-order')
    let offered: Frame | null = null
    const pester = (queue: AcceleratedQueue): void => {
      for (let count = random.below(MOST); count > 0; count -= 1) {
        const draw = random.below(6)
        if (draw === 0) queue.flush()
        else if (draw === 1) queue.hasRoom()
        else if (draw === 2) queue.startInterrupts()
        else if (draw === 3) queue.stopInterrupts()
        else if (draw === 4) queue.poll(0)
        else if (offered !== null) queue.accepts(offered)
      }
      // As the host left them: it polls by itself now.
      queue.stopInterrupts()
    }
    const vifs = new Set<AcceleratedVif>()
    const rig = around(() => ({
      vif: (inner) => {
        vifs.add(inner)
        return vary(inner, {
          remove(reason, signal) {
            vifs.delete(inner)
            return inner.remove(reason, signal)
          },
        })
      },
      queue: (inner) => {
        pester(inner)
        return vary(inner, {
          accepts(frame) {
            offered = frame
            return inner.accepts(frame)
          },
          poll(budget) {
            offered = null
            pester(inner)
            return inner.poll(budget)
          },
        })
      },
    }))
    const bench = await kit.bench({ rig })
    await bench.load()
    bench.start({ flows: 8 })
    for (let cycle = 0; cycle < (kit.full ? 10 : 2); cycle += 1) {
      await bench.for(1)
      setLink(bench, vifs, false)
      await bench.for(0.5)
      setLink(bench, vifs, true)
    }
    await bench.for(1)
    return bench.finish('any-order')
  },
}

/** Of the cable, and of the device as its plugin is told. */
function setLink({ world }: Bench, vifs: Iterable<AcceleratedVif>, up: boolean): void {
  for (const { wire } of world.lanes.slice(0, 1)) wire.setLink(up)
  for (const vif of vifs) vif.change?.({ kind: 'carrier', up })
}
