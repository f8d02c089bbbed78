// Stage 3s of a frame's way out, second part: what the backend answers.
import {
  responseId,
  responseStatus,
  XEN_NETIF_RSP_NULL,
  XEN_NETIF_RSP_OKAY,
  XEN_NETIF_TX_SLOT_BYTES,
} from '@netaccel/xen/netif'
import type { FrontRing, RingGrants, Work } from '@netaccel/xen'
import type { QueueCounters } from './counters.js'
import type { FastPath } from './fast-path.js'
import { ANSWERED, answeredWord, FREE, freeWord, isOut, onlyWord, OUT } from './tx-slots.js'
import type { TxSlots } from './tx-slots.js'

/**
 * What the backend did that no backend may do. Any of these breaks the device: nothing more is sent or received until
 * a new backend connects (XSA-376).
 */
export type TxFault =
  | 'response overflow'
  | 'response with an unknown id'
  | 'response while the page is in use'

/** Takes the responses of a TX ring: first all of them, then their grants end together, then frames are given back. */
export class TxAnswers {
  private readonly ring: FrontRing
  private readonly grants: RingGrants
  private readonly slots: TxSlots
  private readonly counters: QueueCounters
  private readonly work: Work
  /** Responses of the batch that is being reaped. */
  private readonly answers: Int32Array

  constructor(ring: FrontRing, grants: RingGrants, slots: TxSlots, counters: QueueCounters, work: Work) {
    this.ring = ring
    this.grants = grants
    this.slots = slots
    this.counters = counters
    this.work = work
    this.answers = new Int32Array(slots.size)
  }

  /** Take all responses that are there. Returns what the backend did wrong, or null. */
  reap(fast: FastPath | null): TxFault | null {
    const { ring, answers, grants } = this
    const { words, mask, slots: firstSlot } = ring
    const count = ring.unconsumedResponses()
    if (count === 0) return null
    const from = ring.rspCons
    const outstanding = (ring.reqProdPvt - from) >>> 0
    if (count < 0 || count > outstanding) return 'response overflow'
    let fault: TxFault | null = null
    let answered = 0
    let looked = 0
    while (looked < count && fault === null) {
      const response = words[(firstSlot + ((from + looked) & mask) * XEN_NETIF_TX_SLOT_BYTES) >> 2]
      looked++
      // The slot of an extra info is answered with NULL and an id that nobody wrote.
      if (responseStatus(response) === XEN_NETIF_RSP_NULL) continue
      fault = this.answer(response)
      if (fault !== null) break
      grants.queue[answered] = responseId(response)
      answers[answered++] = response
    }
    ring.rspCons = (from + looked) >>> 0
    fault = this.endAnswered(answered, fast !== null && fast.ordersTx ? fast : null) ?? fault
    this.work.slots += count
    // NULL for a slot that carried data would keep its id for ever: fewer slots in flight than ids shows it.
    // Counted now, since a stack may have sent from inside a release.
    const left = (ring.reqProdPvt - from - count) >>> 0
    if (fault === null && this.slots.idsOut > left) fault = 'response with an unknown id'
    return fault
  }

  /** An answer: its grant will be ended with those of the others, and only then is anything given back. */
  private answer(response: number): TxFault | null {
    const { size, words } = this.slots
    const id = responseId(response)
    if (id >= size) return 'response with an unknown id'
    const word = words[id]
    // Also one that has been answered in this very batch.
    if (!isOut(word)) return 'response with an unknown id'
    words[id] = answeredWord(word)
    return null
  }

  /** End the grants of all that was answered, and complete what has ended. */
  private endAnswered(count: number, fast: FastPath | null): TxFault | null {
    const { grants, slots, answers } = this
    if (count === 0) return null
    // Frames in pages that the backend keeps mapped have no grant of their own.
    const inUse = slots.granted ? grants.end(count) : 0
    if (slots.granted) this.work.grantOps += count
    let done = inUse === 0 ? this.completePlain(0, count, fast) : 0
    while (done < count) {
      if (inUse === 0 || grants.ended(done)) this.complete(answers[done], fast)
      else slots.setState(responseId(answers[done]), OUT)
      done++
      if (inUse === 0) done = this.completePlain(done, count, fast)
    }
    return inUse === 0 ? null : 'response while the page is in use'
  }

  /**
   * The fast lane of {@link complete}, for the answers from `from` on as long as each is of a frame of one slot: one loop
   * with all in locals. Returns where it stopped. Ids are given back when all frames are, so that a stack that sends from
   * inside a release meets none that is half free.
   */
  private completePlain(from: number, to: number, fast: FastPath | null): number {
    const { answers, slots } = this
    const { frames, words } = slots
    let end = from
    let free = slots.freeId
    let errors = 0
    for (; end < to; end++) {
      const response = answers[end]
      const id = responseId(response)
      const frame = frames[id]
      if (frame === null || words[id] !== onlyWord(id, ANSWERED)) break
      frames[id] = null
      words[id] = freeWord(free)
      free = id
      if (responseStatus(response) !== XEN_NETIF_RSP_OKAY) errors++
      if (fast !== null) fast.slowAnswered(frame)
      frame.release()
    }
    if (end === from) return from
    slots.given(free, responseId(answers[from]), end - from)
    this.counters.tx_errors += errors
    return end
  }

  private complete(response: number, fast: FastPath | null): void {
    const { slots } = this
    const id = responseId(response)
    const first = slots.firstOf(id)
    slots.setState(id, FREE)
    slots.idsOut--
    // The first id stands for the frame until all of it is answered, in whatever order: given back any earlier, another
    // frame would be written over this one.
    if (id !== first) slots.give(id)
    // A frame is counted once, by the last of its slots; any slot may tell of the error.
    if (responseStatus(response) !== XEN_NETIF_RSP_OKAY) this.counters.tx_errors++
    if (slots.settle(first) !== 0) return
    const frame = slots.finish(first)
    if (frame === null) return
    if (fast !== null) fast.slowAnswered(frame)
    frame.release()
  }
}
