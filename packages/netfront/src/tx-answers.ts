// Stage 3s of a frame's way out, second part: what the backend answers.
import { readTxResponse, responseId, responseStatus } from '@netaccel/xen/netif'
import { XEN_NETIF_RSP_NULL, XEN_NETIF_RSP_OKAY } from '@netaccel/xen/netif'
import type { FrontRing, RingGrants, Work } from '@netaccel/xen'
import type { QueueCounters } from './counters.js'
import type { FastPath } from './fast-path.js'
import { ANSWERED, FREE, OUT } from './tx-slots.js'
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
    const ring = this.ring
    const words = ring.page.words
    const count = ring.unconsumedResponses()
    if (count === 0) return null
    const outstanding = (ring.reqProdPvt - ring.rspCons) >>> 0
    if (count < 0 || count > outstanding) return 'response overflow'
    let cons = ring.rspCons
    let fault: TxFault | null = null
    for (let i = 0; i < count && fault === null; i++) {
      const response = readTxResponse(words, ring.slotOffset(cons))
      cons = (cons + 1) >>> 0
      // The slot of an extra info is answered with NULL and an id that nobody wrote.
      if (responseStatus(response) !== XEN_NETIF_RSP_NULL) fault = this.answer(response)
    }
    ring.rspCons = cons
    fault = this.endAnswered(fast) ?? fault
    this.work.slots += count
    // NULL for a slot that carried data would keep its id for ever: fewer slots in flight than ids shows it.
    if (fault === null && this.slots.idsOut > outstanding - count) fault = 'response with an unknown id'
    return fault
  }

  /** An answer: its grant will be ended with those of the others, and only then is anything given back. */
  private answer(response: number): TxFault | null {
    const { grants, slots } = this
    const { state } = slots
    const id = responseId(response)
    // Also one that has been answered in this very batch.
    if (id >= slots.size || state[id] !== OUT) return 'response with an unknown id'
    state[id] = ANSWERED
    this.answers[grants.queued] = response
    grants.queueEnd(id)
    return null
  }

  /** End the grants of all that was answered, and complete what has ended. */
  private endAnswered(fast: FastPath | null): TxFault | null {
    const { grants, slots, answers } = this
    const count = grants.queued
    if (count === 0) return null
    const inUse = grants.end()
    grants.reset()
    this.work.grantOps += count
    for (let i = 0; i < count; i++) {
      const id = responseId(answers[i])
      if (inUse === 0 || grants.ended(i)) this.complete(id, responseStatus(answers[i]), fast)
      else slots.state[id] = OUT
    }
    return inUse === 0 ? null : 'response while the page is in use'
  }

  private complete(id: number, status: number, fast: FastPath | null): void {
    const { slots } = this
    const first = slots.head[id]
    const left = slots.pending[first]
    slots.state[id] = FREE
    slots.idsOut--
    // The first id stands for the frame until all of it is answered, in whatever order: given back any earlier, another
    // frame would be written over this one.
    if (id !== first) slots.give(id)
    // A frame is counted once, by the last of its slots; any slot may tell of the error.
    if (status !== XEN_NETIF_RSP_OKAY && left !== 0) this.counters.tx_errors++
    slots.pending[first] = left - 1
    if (left !== 1) return
    const frame = slots.finish(first)
    if (frame === null) return
    if (fast !== null) fast.slowAnswered?.(frame)
    frame.release()
  }
}
