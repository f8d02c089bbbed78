// Stage 2 of a frame's way out: the fork.
import type { Frame } from '@netaccel/packet'
import type { FastPath, Offer } from './fast-path.js'
import type { TxRxQueue } from './queue.js'

/**
 * One burst on one queue. Each of the first n frames is taken by exactly one of the two paths; returns n. The others
 * stay the caller's: the queue is stopped, and the stack's `wake` says when to come again.
 */
export function transmit(queue: TxRxQueue, frames: readonly Frame[], count: number): number {
  if (queue.stopped) return 0
  const fast = queue.fastPath
  const taken = fast === null ? queue.sendBurst(frames, count) : fork(queue, fast, frames, count)
  queue.flushSlow()
  return taken
}

function fork(queue: TxRxQueue, fast: FastPath, frames: readonly Frame[], count: number): number {
  const open = fast.beginBurst()
  let taken
  if (fast.ordersTx) taken = offerEach(queue, open ? fast : null, frames, count)
  else taken = open ? offerRuns(queue, fast, frames, count) : queue.sendBurst(frames, count)
  fast.endBurst()
  return taken
}

/** `fast` null: nothing is offered, but the fast path is told of each frame. */
function offerEach(queue: TxRxQueue, fast: FastPath | null, frames: readonly Frame[], count: number): number {
  let taken = 0
  while (taken < count && !queue.stopped && sendOne(queue, fast, frames[taken])) taken++
  return taken
}

/** False: it stays the caller's. */
function sendOne(queue: TxRxQueue, fast: FastPath | null, frame: Frame): boolean {
  const offer = fast === null ? 'declined' : fast.offer(frame)
  if (offer === 'stop') queue.stop()
  return offer !== 'declined' || queue.sendSlow(frame)
}

/**
 * The fast lane for a fast path that has no order of flows to keep, because its half has not declared `tx`: all is offered
 * and, as a rule, nothing accepted. What the ring's own fast lane will surely take is offered in one loop and then written
 * in another: with a half that declines all a frame from guest to guest costs 320 ns, against 350 one by one (295 without
 * a half).
 */
function offerRuns(queue: TxRxQueue, fast: FastPath, frames: readonly Frame[], count: number): number {
  let taken = 0
  while (taken < count && !queue.stopped) {
    const end = taken + queue.plainRun(frames, taken, count)
    if (end === taken) {
      if (!sendOne(queue, fast, frames[taken])) break
      taken++
      continue
    }
    let at = taken
    let offer: Offer = 'declined'
    while (at < end && (offer = fast.offer(frames[at])) === 'declined') at++
    queue.sendPlain(frames, taken, at)
    taken = at
    if (offer === 'declined') continue
    if (offer === 'stop') queue.stop()
    taken++
  }
  return taken
}
