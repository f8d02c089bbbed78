import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** How late the host polls. */
const LATE_MS = 0.3

/** A host that is slow to poll: much stands unread and completed at each poll. */
export const lazy: Act<Scene> = {
  name: 'lazy',
  title: 'dense traffic, and polls that come late: more stands unread than a poll may deliver',
  async run(kit) {
    const rig = around(() => ({
      queueDoors: (doors, vif) => {
        let isDue = false
        return vary(doors, {
          schedule() {
            if (isDue) return
            isDue = true
            vif.after(LATE_MS, () => {
              isDue = false
              doors.schedule()
            })
          },
        })
      },
    }))
    const bench = await kit.bench({ rig })
    await bench.load()
    bench.start({ flows: 8, burst: 64, gapNs: 60_000, mix: { tcp: 0.3, tcp6: 0, udp: 0.7, icmp: 0, arp: 0 } })
    await bench.for(kit.full ? 60 : 10)
    return bench.finish('lazy')
  },
}
