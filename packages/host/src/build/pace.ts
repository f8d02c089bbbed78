import { machineSleep, monotonicNs, type RunOptions, type Timeline } from '@netaccel/xen'

/** The longest piece of virtual time that is run at once: what a command on a socket may wait for. */
const SLICE_NS = 10_000_000
/** So much work was due that it will not be caught up: virtual time goes slower than the machine's from here. */
const MOST_BEHIND_NS = 100_000_000

/** How a paced run went. */
export interface Pace {
  /** Nanoseconds of the machine's clock that virtual time did not keep up with, and gave up. */
  behindNs: number
}

/**
 * Run a virtual timeline in step with the machine's clock: a second of it takes a second. Where the machine is too slow for
 * what the engines have to do, virtual time falls behind and stays there, and `pace` says how much. The run is as exact as
 * any under the virtual clock as long as nothing comes from outside.
 */
export async function paced(timeline: Timeline, { for: ns = Infinity, until }: RunOptions, pace: Pace) {
  const began = timeline.now()
  let origin = monotonicNs()
  while (!(until?.() ?? false)) {
    const done = timeline.now() - began
    if (done >= ns) return
    let due = monotonicNs() - origin - done
    if (due > MOST_BEHIND_NS) {
      origin += due - SLICE_NS
      pace.behindNs += due - SLICE_NS
      due = SLICE_NS
    }
    const slice = Math.min(due, SLICE_NS, ns - done)
    if (due < SLICE_NS && slice < ns - done) await machineSleep(SLICE_NS - due)
    else await timeline.run({ for: slice, ...(until === undefined ? {} : { until }) })
  }
}
