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
  const taken = fast === null ? queue.sendRun(frames, 0, count) : fork(queue, fast, frames, count)
  queue.flushSlow()
  return taken
}

function fork(queue: TxRxQueue, fast: FastPath, frames: readonly Frame[], count: number): number {
  const open = fast.beginBurst()
  let taken
  if (fast.ordersTx) taken = offerEach(queue, open ? fast : null, frames, count)
  else taken = open ? offerRuns(queue, fast, frames, count) : queue.sendRun(frames, 0, count)
  fast.endBurst()
  return taken
}

/** `fast` null: nothing is offered, but the fast path is told of each frame. */
function offerEach(queue: TxRxQueue, fast: FastPath | null, frames: readonly Frame[], count: number): number {
  let taken = 0
  while (taken < count && !queue.stopped) {
    const run = fast === null ? 0 : fast.offerRun(frames, taken, count)
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
 */
function offerRuns(queue: TxRxQueue, fast: FastPath, frames: readonly Frame[], count: number): number {
  let taken = 0
  while (taken < count && !queue.stopped) {
    const unoffered = fast.unoffered(frames, taken, count)
    if (unoffered > 0) {
      const sent = queue.sendRun(frames, taken, taken + unoffered)
      fast.passedBy(sent)
      taken += sent
      if (sent < unoffered) break
      continue
    }
    const sure = queue.plainRun(frames, taken, count)
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
