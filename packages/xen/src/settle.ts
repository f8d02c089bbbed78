import type { Timeline } from './engine.js'
import { XenError } from './errors.js'

/**
 * Runs the timeline until `work` is settled, and gives its result: the way to await the control path from outside, as
 * in `await settle(clock, hypervisor.createDomain(...))`.
 *
 * Rejects with XenError 'STALLED' when nothing is due any more under the virtual clock and the work is still waiting.
 */
export async function settle<Result>(timeline: Timeline, work: Promise<Result>): Promise<Result> {
  let settled = false
  const note = (): void => {
    settled = true
  }
  work.then(note, note)
  timeline.asyncBegin()
  try {
    await timeline.run({ until: () => settled })
  } finally {
    timeline.asyncEnd()
  }
  if (!settled)
    throw new XenError(
      'STALLED',
      `nothing is due at ${timeline.now()} ns and the awaited work has not finished; something it waits for never comes`,
    )
  return work
}
