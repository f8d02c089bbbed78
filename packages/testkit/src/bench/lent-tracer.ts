import type { Frame, FrontendQueue } from '@netaccel/core'
import type { World } from '@netaccel/host'
import { hashOf } from '../record/frame-facts.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'
import type { Seen, Surrounding } from './traits.js'

/** Told so often; more of the same says nothing new. */
const MOST = 5

/**
 * The tracer: the host's own at every stage, which reads each frame where it passes; and one of lent frames, which reads each
 * again when the plugin returns from a burst or a poll, and the one before at each offer, as a capture does that is written out
 * later (TX-05).
 */
export class LentTracer implements Surrounding {
  readonly seen: Seen[] = []
  private readonly lent = new Map<FrontendQueue, Map<Frame, number>>()

  readonly rig = around(() => ({
    queueDoors: (doors) => {
      const frames = new Map<Frame, number>()
      const met = vary(doors, {
        completeTx(frame) {
          frames.delete(frame)
          doors.completeTx(frame)
        },
        failTx(frame, why) {
          frames.delete(frame)
          doors.failTx(frame, why)
        },
      })
      this.lent.set(met, frames)
      return met
    },
    queue: (inner, doors, vif) => {
      const frames = this.lent.get(doors) ?? new Map<Frame, number>()
      let last: Frame | null = null
      return vary(inner, {
        startXmit: (frame) => {
          const hash = hashOf(frame)
          // Before it is offered: a plugin may complete it at once.
          frames.set(frame, hash)
          const verdict = inner.startXmit(frame)
          const hashOfLast = last === null ? undefined : frames.get(last)
          if (last !== null && hashOfLast !== undefined) this.readOne(last, hashOfLast, vif.now())
          if (verdict !== 'accepted') frames.delete(frame)
          last = verdict === 'accepted' ? frame : null
          return verdict
        },
        flush: () => {
          inner.flush()
          this.read(frames, vif.now())
        },
        poll: (budget) => {
          const more = inner.poll(budget)
          this.read(frames, vif.now())
          return more
        },
      })
    },
  }))

  begin(world: World): void {
    world.trace({ capacity: 1024, capture: (_, __, frame) => void hashOf(frame) })
  }

  private read(frames: ReadonlyMap<Frame, number>, at: number): void {
    for (const [frame, hash] of frames) this.readOne(frame, hash, at)
  }

  private readOne(frame: Frame, hash: number, at: number): void {
    if (this.seen.length >= MOST || hashOf(frame) === hash) return
    const sentence = `a lent frame of ${frame.length} bytes was not as it had been offered when the tracer read it again`
    this.seen.push({ rule: 'TX-05', sentence, at })
  }
}
