// Stage 3s of a frame's way in, first part: the frontend's half of the RX ring.
import type { FrontRing, RingGrants, Work } from '@netaccel/xen'
import { writeRxRequest, XEN_NETIF_RX_SLOT_BYTES } from '@netaccel/xen/netif'
import { FillTarget } from './fill-target.js'
import type { Quarantine } from './quarantine.js'
import { NO_PAGE } from './rx-pages.js'
import type { RxPages } from './rx-pages.js'
import { MAX_SLOTS } from './tx-ring.js'

/** No page. */
export const EMPTY = -1
/** Requests are shown to the backend only when it has this many: enough for one packet of any kind. */
const LEAST_POSTED = MAX_SLOTS + 1

/** The ring, and what it needs to know of the two domains. */
export interface RxRingParts {
  readonly ring: FrontRing
  /** One reference per slot. */
  readonly grants: RingGrants
  readonly pages: RxPages
  readonly work: Work
}

/** What the backend did that no backend may do; see TxFault. */
export type RxFault =
  | 'response overflow'
  | 'response producer went back'
  | 'response while the page is in use'

/** Pages posted for the backend to write into. A page is found by its slot, as the protocol says, never by an id. */
export class RxRing {
  readonly ring: FrontRing
  readonly pages: RxPages
  /** Set when the backend broke the protocol; nothing is consumed from then on. */
  fault: RxFault | null
  readonly work: Work
  private readonly parts: RxRingParts
  /** What makes a slot's number of an index. */
  readonly mask: number
  /** Page in each slot; {@link EMPTY}: none. */
  readonly posted: Int16Array
  private readonly target: FillTarget
  /** All grants of the batch have ended; else, by slot, which. Up to which response that is, and there are responses. */
  private allEnded: boolean
  private readonly ended: Uint8Array
  private endedTo: number
  private answered: number
  /** Page of a slot whose reference could not be ended. */
  private readonly stuck: Int16Array

  constructor(parts: RxRingParts) {
    this.parts = parts
    this.ring = parts.ring
    this.pages = parts.pages
    this.fault = null
    this.work = parts.work
    this.mask = parts.ring.size - 1
    this.target = new FillTarget(parts.ring.size)
    this.posted = new Int16Array(parts.ring.size).fill(EMPTY)
    this.allEnded = false
    this.ended = new Uint8Array(parts.ring.size)
    this.endedTo = parts.ring.rspCons
    this.answered = parts.ring.rspCons
    this.stuck = new Int16Array(parts.ring.size).fill(EMPTY)
  }

  /** Post pages up to the target. Returns true if enough is posted for any packet, and may be pushed. */
  refill(): boolean {
    const { mask, posted, ring, target } = this
    const { grants, pages } = this.parts
    const { refs } = grants
    const { words, slots } = ring
    const produced = ring.reqProdPvt
    target.adjust((produced - this.answered) >>> 0)
    pages.keepTo(target.current + (target.current >> 1))
    const most = target.current - ((produced - ring.rspCons) >>> 0)
    let wrote = 0
    for (; wrote < most; wrote++) {
      const page = pages.post()
      if (page === NO_PAGE) break
      const slot = (produced + wrote) & mask
      grants.permit(slot, pages.gfn(page))
      posted[slot] = page
      writeRxRequest(words, slots + slot * XEN_NETIF_RX_SLOT_BYTES, slot, refs[slot])
    }
    ring.reqProdPvt = (produced + wrote) >>> 0
    this.work.slots += wrote
    this.work.grantOps += wrote
    return (ring.reqProdPvt - ring.rspCons) >>> 0 >= LEAST_POSTED
  }

  /** Responses that are there now; -1, and {@link fault} set, if the backend claims more than were asked for. */
  available(): number {
    if (this.fault !== null) return -1
    const ring = this.ring
    const count = ring.unconsumedResponses()
    if (count >= 0 && count <= (ring.reqProdPvt - ring.rspCons) >>> 0) {
      // What it has taken back was looked at, and its grants may have ended (XSA-391).
      if (count < (this.answered - ring.rspCons) >>> 0) {
        this.fault = 'response producer went back'
        return -1
      }
      this.answered = (ring.rspCons + count) >>> 0
      return count
    }
    this.fault = 'response overflow'
    return -1
  }

  /**
   * End the grant of the page in slot `index` and take the page out; the backend cannot write it any more.
   * -1, and {@link fault} set, if the backend still maps it: the page stays out of use until it lets go (XSA-396).
   * Pages are claimed in the order of the ring; the grants of all that {@link available} saw end together.
   */
  claim(index: number): number {
    if (index === this.endedTo) this.endAnswered(index)
    const slot = index & this.mask
    return this.takeOut(slot, this.allEnded || this.ended[slot] === 1)
  }

  /**
   * For a loop that takes pages out of {@link posted} itself: how many slots from `index` on the backend has let go of.
   * 0 when it still maps one of them: {@link claim} each, which tells.
   */
  endedRun(index: number): number {
    if (index === this.endedTo) this.endAnswered(index)
    return this.allEnded ? (this.endedTo - index) >>> 0 : 0
  }

  private endAnswered(from: number): void {
    const { mask } = this
    const { grants } = this.parts
    const { queue } = grants
    const count = (this.answered - from) >>> 0
    for (let i = 0; i < count; i++) queue[i] = (from + i) & mask
    const inUse = grants.end(count)
    this.allEnded = inUse === 0
    if (inUse !== 0) for (let i = 0; i < count; i++) this.ended[(from + i) & mask] = grants.ended(i) ? 1 : 0
    this.endedTo = this.answered
    this.work.grantOps += count
  }

  private takeOut(slot: number, ended: boolean): number {
    const page = this.posted[slot]
    this.posted[slot] = EMPTY
    if (page === EMPTY) return EMPTY
    if (ended) return page
    this.stuck[slot] = page
    this.pages.withhold()
    this.fault = 'response while the page is in use'
    return EMPTY
  }

  /** The connection is over: take back every posted page, those that the backend still uses by way of the quarantine. */
  disconnect(quarantine: Quarantine): void {
    const { pages, stuck } = this
    for (let slot = 0; slot <= this.mask; slot++) {
      const page = this.takeOut(slot, this.parts.grants.tryEnd(slot))
      if (page !== EMPTY) pages.discard(page)
      const held = stuck[slot]
      if (held !== EMPTY) quarantine.add(this.parts.grants.refs[slot], () => pages.readmit(held))
    }
  }

  /** True if the reference of a slot is in quarantine, which gives it back. */
  refInUse(slot: number): boolean {
    return this.stuck[slot] !== EMPTY
  }
}
