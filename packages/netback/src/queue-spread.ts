// Before stage 4s of a frame's way in, for a guest with several queues: which queue.
import { FlowHasher } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { BackQueue } from './back-queue.js'

/**
 * Spreads what goes to a guest over its queues: the hash of a frame's flow modulo their number, as Linux's own pick for a
 * device of several queues. Any choice would do for the guest, which takes any packet from any queue; but a flow has to
 * keep to one, since queues overtake each other.
 */
export class QueueSpread {
  private readonly queues: readonly BackQueue[]
  private readonly hasher: FlowHasher

  constructor(queues: readonly BackQueue[]) {
    this.queues = queues
    this.hasher = new FlowHasher()
  }

  /** Of the first `active` queues. */
  queueOf(active: number, frame: Frame): number {
    return this.hasher.of(frame) % active
  }

  /** As the bridge port's `sendBurst`, over the first `active` queues. */
  sendBurst(active: number, frames: readonly Frame[], from: number, to: number): void {
    let at = from
    let next = this.queueOf(active, frames[from])
    while (at < to) {
      const index = next
      let end = at + 1
      while (end < to && (next = this.queueOf(active, frames[end])) === index) end++
      this.queues[index].sendBurst(frames, at, end)
      at = end
    }
  }
}
