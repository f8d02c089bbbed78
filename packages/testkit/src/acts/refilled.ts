import type { FrontendQueue, FrontendVif } from '@netaccel/core'
import { MappedPages } from '../bench/mapped-pages.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { needs } from '../kit/check.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

export interface Refilled {
  readonly scene: Scene
  /** Numbers of the calls between which the rings were full. */
  readonly from: number
  readonly to: number
}

/** What the rings are full of by turns: entries of one lap, then of the next, whatever bit tells them apart. */
const FULL = [0xffff_ffff, 0] as const
/** So often at most within one poll: then the rings run empty, so that it ends. */
const MOST = 8
const POLLS = 8
const GAP_MS = 0.05

/** Hardware that writes as fast as it is read. */
export const refilled: Act<Refilled> = {
  name: 'refilled',
  title: 'rings of events that are full at each poll, and full again before it ends',
  unfit: needs('vi'),
  async run(kit) {
    const pages = new MappedPages('ro')
    const state = { on: false, turn: 0, left: 0 }
    const fill = (): void => {
      if (!state.on || state.left === 0) return
      state.left -= 1
      state.turn = 1 - state.turn
      pages.fill(FULL[state.turn])
    }
    let polled: FrontendQueue | undefined
    const bench = await kit.bench({
      rig: around((_, where) =>
        where !== 'a.guest1'
          ? {}
          : {
              frontendVif: (doors) => vary<FrontendVif>(doors, pages.watch(doors)),
              queueDoors: (doors) => {
                polled = doors
                return vary(doors, {
                  charge(cost, count) {
                    doors.charge(cost, count)
                    // What was read is charged: its places are free.
                    if (cost === 'event') fill()
                  },
                })
              },
              queue: (inner) =>
                vary(inner, {
                  poll(budget) {
                    state.left = MOST
                    fill()
                    return inner.poll(budget)
                  },
                }),
            },
      ),
    })
    await bench.load()
    bench.start({ flows: 4 })
    await bench.for(1)
    await bench.quiet()
    const from = bench.recorder.calls.length
    state.on = pages.pages.length > 0
    for (let poll = 0; poll < (kit.full ? 4 * POLLS : POLLS); poll += 1) {
      polled?.schedule()
      await bench.for(GAP_MS)
    }
    state.on = false
    const to = bench.recorder.calls.length
    return { scene: await bench.finish('refilled'), from, to }
  },
}
