import type { BackendVif, Closable } from '@netaccel/core'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'
import type { Surrounding } from './traits.js'

/** One filter in so many is refused; one burst in so many is followed by an interrupt without a cause. */
const FILTERS = 7
const BURSTS = 8

/**
 * The fault injector: what a sound plugin meets now and then and nobody notices. A filter finds no room, and its flow stays slow;
 * an interrupt comes for nothing, as on a line that is shared.
 */
export class FaultInjector implements Surrounding {
  private filters = 0
  private bursts = 0

  readonly rig = around(() => ({
    backendVif: (doors) => vary<BackendVif>(doors, this.refusing(doors)),
    queue: (inner, doors) =>
      vary(inner, {
        flush: () => {
          inner.flush()
          this.bursts += 1
          if (this.bursts % BURSTS === 0) doors.schedule()
        },
      }),
  }))

  private refusing(doors: BackendVif): Partial<BackendVif> {
    return {
      insertFilter: (key, vi) => {
        this.filters += 1
        return this.filters % FILTERS === 0 ? Promise.resolve('full' as const) : doors.insertFilter(key, vi)
      },
      child: (name) => {
        const child = doors.child(name)
        return vary<BackendVif & Closable>(child, this.refusing(child))
      },
    }
  }
}
