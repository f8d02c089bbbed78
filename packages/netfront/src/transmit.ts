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
  const taken = transmitRun(queue, frames, 0, count)
  queue.flushSlow()
  return taken
}

/**
 * frames[from] and those behind it, up to `to`, on a queue that is not stopped; the first n are taken, n is returned. What
 * goes by the ring is shown to the backend by `flushSlow`, once for all runs of a burst.
 */
export function transmitRun(queue: TxRxQueue, frames: readonly Frame[], from: number, to: number): number {
  const fast = queue.fastPath
  return fast === null ? queue.sendRun(frames, from, to) : fork(queue, fast, frames, from, to)
}

function fork(queue: TxRxQueue, fast: FastPath, frames: readonly Frame[], from: number, to: number): number {
  const open = fast.beginBurst()
  let end
  if (fast.ordersTx) end = offerEach(queue, open ? fast : null, frames, from, to)
  else end = open ? offerRuns(queue, fast, frames, from, to) : from + queue.sendRun(frames, from, to)
  fast.endBurst()
  return end - from
}

/** `fast` null: nothing is offered, but the fast path is told of each frame. Returns the first that is not taken. */
function offerEach(
  queue: TxRxQueue,
  fast: FastPath | null,
  frames: readonly Frame[],
  from: number,
  to: number,
): number {
  let taken = from
  while (taken < to && !queue.stopped) {
    const run = fast === null ? 0 : fast.offerRun(frames, taken, to)
    taken += run
    if (run > 0) continue
    if (!sendOne(queue, fast, frames[taken])) break
    taken++
  }
  return taken
}

/** False: it stays the caller's. */
function sendOne(queue: TxRxQueue, fast: FastPath | null, frame: Frame): boolean {
  const offer = fast === null ? 'declined' : fast.offer(frame)
  if (offer === 'stop') queue.stop()
  return offer !== 'declined' || queue.sendSlow(frame)
}

/**
 * The fast lane for a fast path that has no order of flows to keep, because its half has not declared `tx`: all that it
 * could take is offered and, as a rule, nothing accepted. So frames go by the ring in runs: those that it may not be offered,
 * and those of which the ring's own fast lane is sure before they are offered, since what it accepts goes behind them.
 * A half that declines all costs 17 ns a frame from guest to guest, polls included; offered one by one it cost 48.
 * Returns the first frame that is not taken.
 */
function offerRuns(
  queue: TxRxQueue,
  fast: FastPath,
  frames: readonly Frame[],
  from: number,
  to: number,
): number {
  let taken = from
  while (taken < to && !queue.stopped) {
    const unoffered = fast.unoffered(frames, taken, to)
    if (unoffered > 0) {
      const sent = queue.sendRun(frames, taken, taken + unoffered)
      fast.passedBy(sent)
      taken += sent
      if (sent < unoffered) break
      continue
    }
    const sure = queue.plainRun(frames, taken, to)
    if (sure === 0) {
      if (!sendOne(queue, fast, frames[taken])) break
      taken++
    } else taken += offerSure(queue, fast, frames, taken, taken + sure)
  }
  return taken
}

/** Offers frames that the ring is sure to take, until one is not declined. Returns how many are taken. */
function offerSure(
  queue: TxRxQueue,
  fast: FastPath,
  frames: readonly Frame[],
  from: number,
  to: number,
): number {
  let at = from
  let offer: Offer = 'declined'
  while (at < to && (offer = fast.offer(frames[at])) === 'declined') at++
  // All of them: the ring was asked before, and nothing has written to it since.
  queue.sendPlain(frames, from, at)
  if (offer === 'stop') queue.stop()
  return offer === 'declined' ? at - from : at - from + 1
}
