// Before stage 2 of a frame's way out, for a device of several queues: which queue.
import { FlowHasher } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { TxRxQueue } from './queue.js'
import { MOST_QUEUES } from './queue-limits.js'
import { transmitRun } from './transmit.js'

/**
 * Spreads bursts over the queues of a vif: the hash of a frame's flow modulo their number, as xennet_select_queue. Any
 * choice would do for the backend, which takes any packet from any queue; but a flow has to keep to one, since queues
 * overtake each other.
 */
export class QueueSpread {
  private readonly queues: readonly TxRxQueue[]
  private readonly hasher: FlowHasher
  /** By queue: it has been given frames that it has not shown to the backend. */
  private readonly written: Uint8Array

  constructor(queues: readonly TxRxQueue[]) {
    this.queues = queues
    this.hasher = new FlowHasher()
    this.written = new Uint8Array(MOST_QUEUES)
  }

  /** Of the first `count` queues. */
  queueOf(count: number, frame: Frame): number {
    return this.hasher.of(frame) % count
  }

  /**
   * As the device's `transmit`, over the first `active` queues. The burst ends at the first frame whose queue is stopped:
   * the stack is told when that queue takes frames again.
   */
  transmit(active: number, frames: readonly Frame[], count: number): number {
    const { queues, written } = this
    let taken = 0
    let next = count === 0 ? 0 : this.queueOf(active, frames[0])
    while (taken < count) {
      const index = next
      const queue = queues[index]
      if (queue.stopped) break
      let end = taken + 1
      while (end < count && (next = this.queueOf(active, frames[end])) === index) end++
      written[index] = 1
      const sent = transmitRun(queue, frames, taken, end)
      taken += sent
      if (taken < end) break
    }
    for (let index = 0; index < active; index++) {
      if (written[index] === 0) continue
      written[index] = 0
      queues[index].flushSlow()
    }
    return taken
  }
}
