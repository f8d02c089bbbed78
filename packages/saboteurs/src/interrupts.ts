// IR: when a queue wakes its host, and what it says of its room.
import type { AcceleratedQueue, FrontendQueue, FrontendVif, ScopeTimer } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import type { Around } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'

/** Milliseconds after which somebody looks all the same, so that what is late is not lost. */
const LATE_MS = 20
/** Frames after which the buffers to send from have to be registered anew, and how long that takes, ms. */
const REGISTERED = 150
const REGISTERING_MS = 0.2

export const interruptsSaboteurs: readonly Saboteur[] = [
  {
    rule: 'IR-01',
    title: 'looks first and arms after',
    of: 'accel-solarflare-sim',
    vary: around(() => ({ queue: (inner, doors, vif) => armingLate(inner, doors, vif) })),
  },
  {
    rule: 'IR-02',
    title: 'completions do not wake',
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'frontend',
        find: 'tally.eventCountSinceIrq = 0, this.schedule();',
        put: `tally.eventCountSinceIrq = 0;
    const { events } = this.vnic, kind = events.ints[events.base + ((events.read & events.mask) << ENTRY_WORDS_SHIFT) + 1] >>> EVENT_KIND_SHIFT & EVENT_KIND_MASK;
    if (kind === EVENT_TX) this.vnic.after(${LATE_MS}, () => this.schedule());
    else this.schedule();`,
      },
    ],
  },
  {
    rule: 'IR-03',
    title: 'a second stop arms again',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      queue: (inner) => {
        let stopped = false
        return vary(inner, {
          startInterrupts() {
            stopped = false
            return inner.startInterrupts()
          },
          stopInterrupts() {
            if (stopped) inner.startInterrupts()
            else inner.stopInterrupts()
            stopped = !stopped
          },
        })
      },
    })),
  },
  {
    rule: 'IR-04',
    title: 'counts descriptors for a frame of one buffer',
    of: 'accel-solarflare-sim',
    options: { tx: 64 },
    patches: [
      {
        half: 'frontend',
        find: 'if (this.capacity - this.pending < MOST_DESCRIPTORS) return !1;',
        put: 'if (this.capacity - this.pending < 1) return !1;',
      },
    ],
  },
  {
    rule: 'IR-05',
    title: 'gets room by registering buffers later, and does not say so',
    of: 'accel-solarflare-sim',
    vary: around(() => registeringLater()),
  },
]

/** An event that came between the last poll and this call waits for a look that comes later. */
function armingLate(inner: AcceleratedQueue, doors: FrontendQueue, vif: FrontendVif): AcceleratedQueue {
  let late: ScopeTimer | undefined
  return vary(inner, {
    startInterrupts() {
      if (inner.startInterrupts() === 'waiting') late = vif.after(LATE_MS, () => doors.schedule())
      return 'armed'
    },
    stopInterrupts() {
      late?.cancel()
      late = undefined
      inner.stopInterrupts()
    },
  })
}

/** After so many frames there is no room until a timer has run out. */
function registeringLater(): Around {
  return {
    queue: (inner, _, vif) => {
      let left = REGISTERED
      return vary(inner, {
        startXmit(frame) {
          if (left > 0) {
            const verdict = inner.startXmit(frame)
            if (verdict === 'accepted' && --left === 0) vif.after(REGISTERING_MS, () => (left = REGISTERED))
            return verdict
          }
          return inner.accepts(frame) ? 'busy' : 'declined'
        },
        hasRoom: () => left > 0 && inner.hasRoom(),
      })
    },
  }
}
