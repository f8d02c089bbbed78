import { CROWD, SLOW_WIRE } from '../bench/crowd.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** Hooks that ask or tell are called more often than the host does: what is said once holds when it is said again. */
export const questioned: Act<Scene> = {
  name: 'questioned',
  title: 'every question asked thrice, every stop and start of interrupts said twice, under load',
  async run(kit) {
    const bench = await kit.bench({
      rig,
      value: (value) =>
        value.wires === undefined ? value : { ...value, wires: [{ link: 'a.eth0 -> b.eth0', ...SLOW_WIRE }] },
    })
    await bench.load()
    // So that a plugin which learns addresses knows the other end when the flows begin.
    bench.start({ flows: 2 })
    await bench.for(3)
    await bench.quiet()
    bench.start({ ...CROWD, gapNs: 300_000 })
    await bench.for(kit.full ? 60 : 10)
    return bench.finish('questioned')
  },
}

const rig = around(() => ({
  queue: (inner) =>
    vary(inner, {
      accepts(frame) {
        inner.accepts(frame)
        return inner.accepts(frame)
      },
      startXmit(frame) {
        for (let time = 0; time < 3; time += 1) inner.accepts(frame)
        return inner.startXmit(frame)
      },
      hasRoom() {
        inner.hasRoom()
        inner.hasRoom()
        return inner.hasRoom()
      },
      startInterrupts() {
        inner.startInterrupts()
        return inner.startInterrupts()
      },
      stopInterrupts() {
        inner.stopInterrupts()
        inner.stopInterrupts()
      },
    }),
}))
