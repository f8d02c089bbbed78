import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** Between the last poll and the arming. */
const GAP_MS = 0.02

/** The host arms a little after its last poll, as it does on a processor that does other things too: events come between. */
export const lateArming: Act<Scene> = {
  name: 'late-arming',
  title: 'interrupts are armed a little after the last poll, so that events come between',
  async run(kit) {
    const rig = around(() => ({
      queue: (inner, doors, vif) => {
        let isWanted = false
        return vary(inner, {
          startInterrupts() {
            isWanted = true
            vif.after(GAP_MS, () => {
              if (isWanted && inner.startInterrupts() === 'waiting') doors.schedule()
            })
            return 'armed'
          },
          stopInterrupts() {
            isWanted = false
            inner.stopInterrupts()
          },
        })
      },
    }))
    const bench = await kit.bench({ rig })
    await bench.load()
    bench.start({ flows: 8, burst: 8, gapNs: 30_000 })
    await bench.for(kit.full ? 60 : 6)
    return bench.finish('late-arming')
  },
}
