// Stage 2 of a frame's way in: the poll.
import type { FastPath } from './fast-path.js'
import type { QueueLink, TxRxQueue } from './queue.js'

/**
 * One call of the queue's poll, as NAPI's: completions, then at most `budget` received frames from both paths, then
 * refill and wake. True: there may be more. Before it says false it asks both rings, and the fast path, for an event,
 * and looks once more. A backend that breaks the protocol is not asked again: from the next poll on the queue has only
 * its fast path, until that has left.
 */
export function pollQueue(queue: TxRxQueue, link: QueueLink, budget: number): boolean {
  const fast = queue.fastPath
  const fault = link.tx.reap(fast)
  let work = 0
  if (fault === null) {
    const available = link.rx.available()
    if (fast !== null && fast.receives && !fast.unordered) work = pollBoth(queue, link, fast, budget)
    else {
      // A round that a fast path left open would name an index that has gone by when the next one comes.
      queue.round.open = false
      queue.round.slowDue = false
      if (available > 0) work = takeSlow(queue, link, null, (link.rx.ring.rspCons + available) >>> 0, budget)
      // The order of the original, slow before fast: what the hardware held when a filter went is overtaken.
      // Only to complete what it has sent, which takes nothing of the budget.
      if (fast !== null && !fast.receives) fast.poll(budget)
      else if (fast !== null && work < budget) work += fast.poll(budget - work)
    }
  }
  const broken = fault ?? link.rx.fault
  if (broken !== null) {
    queue.broken(broken)
    return fast !== null
  }
  queue.refill(link)
  queue.wakeIfReady()
  queue.settle()
  if (work >= budget) return true
  if (fast !== null && (fast.more || !queue.arm(fast))) return true
  const again = link.tx.ring.finalCheckResponses()
  // Both questions are asked, whatever the first answer is: each also sets its event index.
  return (link.rx.ring.finalCheckResponses() && link.reader.ready) || again
}

/**
 * The connection is about to end, and the fast path has left: deliver what the backend has shown already. Called when the
 * next thing is that the grants end, so that whatever it writes later fails at its end, and is counted there.
 */
export function takeLast(queue: TxRxQueue, link: QueueLink): void {
  if (queue.failed || link.tx.reap(queue.fastPath) !== null) return
  const available = link.rx.available()
  if (available > 0) takeSlow(queue, link, null, (link.rx.ring.rspCons + available) >>> 0, available)
  queue.settle()
}

/**
 * Fast before slow, and slow only up to the producer noted before the fast path was asked: what the hardware had
 * delivered before a filter was removed then comes out before the slow frames that follow it. The two share the
 * budget; when the fast path has spent it, the slow side opens the next round.
 */
function pollBoth(queue: TxRxQueue, link: QueueLink, fast: FastPath, budget: number): number {
  const round = queue.round
  let work = 0
  if (round.slowDue) work = takeSlow(queue, link, fast, round.noted, budget)
  if (round.noted === link.rx.ring.rspCons || !round.open) {
    const available = link.rx.available()
    round.noted = (link.rx.ring.rspCons + (available > 0 ? available : 0)) >>> 0
    round.fastFrames = 0
    round.slowDue = false
    round.open = true
  }
  if (work < budget) {
    const delivered = fast.poll(budget - work)
    work += delivered
    round.fastFrames += delivered
    if (!fast.more || round.fastFrames >= fast.rxDepth) round.slowDue = true
  }
  if (round.slowDue) work += takeSlow(queue, link, fast, round.noted, budget - work)
  fast.slowDelivered(link.rx.ring.rspCons)
  return work
}

/** Deliver packets of the ring up to index `noted`, at most `budget`. */
function takeSlow(
  queue: TxRxQueue,
  link: QueueLink,
  fast: FastPath | null,
  noted: number,
  budget: number,
): number {
  const { rx, reader } = link
  const ring = rx.ring
  const counters = queue.counters
  const observer = queue.observer
  const marked = fast !== null && fast.ordersRx
  let work = 0
  let packets = 0
  let bytes = 0
  let segments = 0
  while (work < budget && ring.rspCons !== noted && reader.ready && rx.fault === null) {
    if (marked) fast.slowReached(ring.rspCons)
    const available = (noted - ring.rspCons) >>> 0
    const room = budget - work
    // A run ends where the fast path wants to know how far it has come: at each packet.
    const plain = reader.deliverPlain(queue, marked ? 1 : available < room ? available : room)
    work += plain
    if (plain > 0) continue
    const frame = reader.take(available)
    work++
    if (frame === null) continue
    packets++
    bytes += frame.length
    segments += frame.segments
    if (observer !== null) observer.received(frame, 'slow')
    queue.deliver(frame)
  }
  if (marked) fast.slowReached(ring.rspCons)
  counters.rx_packets += packets
  counters.rx_bytes += bytes
  counters.rx_segments += segments
  queue.work.frames += work
  return work
}
