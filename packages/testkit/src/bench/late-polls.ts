import { around } from '../record/around.js'
import { vary } from '../record/vary.js'
import type { VaryHalves } from '../plugin/source.js'

/** A rig: the host polls so much later than it is asked to. Much stands unread, and completed, at each poll. */
export function latePolls(ms: number): VaryHalves {
  return around(() => ({
    queueDoors: (doors, vif) => {
      let isDue = false
      return vary(doors, {
        schedule() {
          if (isDue) return
          isDue = true
          vif.after(ms, () => {
            isDue = false
            doors.schedule()
          })
        },
      })
    },
  }))
}
