// Stage 2 of a frame's way out: the fork.
import type { Frame } from '@netaccel/packet'
import type { TxRxQueue } from './queue.js'

/**
 * One burst on one queue. Each of the first n frames is taken by exactly one of the two paths; returns n. The others
 * stay the caller's: the queue is stopped, and the stack's `wake` says when to come again.
 */
export function transmit(queue: TxRxQueue, frames: readonly Frame[], count: number): number {
  if (queue.stopped) return 0
  const fast = queue.fastPath
  if (fast === null) return queue.sendBurst(frames, count)
  const open = fast.beginBurst()
  let taken = 0
  for (; taken < count && !queue.stopped; taken++) {
    const frame = frames[taken]
    const offer = open ? fast.offer(frame) : 'declined'
    if (offer === 'stop') queue.stop()
    else if (offer === 'declined' && !queue.sendSlow(frame)) break
  }
  fast.endBurst()
  queue.flushSlow()
  return taken
}
