// The order fence of the way in, the driver domain's end: a filter is inserted when the frontend holds the flow's frames
// back, and it is told at which response of its ring the last slow frame stands.
import { FENCE_SLOTS, FencePage, nextTicket, onClock, withDeadline } from '@netaccel/core'
import type { Filter, FilterStatus, FlowKey, VifFence, Vi, View } from '@netaccel/core'
import type { Engine } from '@netaccel/xen'
import type { BackQueueSide } from '../guest-tap.js'
import { HeldFrames } from './held-frames.js'

const NS_PER_MS = 1_000_000
/** After so many times as long as the frontend may hold, a slot is used again though it has not said that it is done. */
const SLOT_HOLDS = 10
/**
 * Frames in the queue to the guest up to which flows change over together. The longer the queue, the more frames the
 * guest has to hold until it has passed, and it can hold only so many: then one flow changes over after the other.
 */
const SHORT_QUEUE = 64

export interface RxFenceParts {
  readonly engine: Engine
  /** The queue on which netback sends the guest's frames. */
  readonly queue: BackQueueSide
  /** Milliseconds in which the frontend says that it holds; afterwards the filter is inserted all the same. */
  readonly holdMs: number
  /** Longest time that a frame of another guest's is kept, which has been written into this one's ring. */
  readonly departureNs: number
  /** Every frame that the port had received is with the bridge or in its VI. */
  handedOver(): Promise<void>
  /**
   * Of a vif with several queues: all that goes to the guest goes by {@link queue} until `release` is called. Null: it has
   * no other.
   */
  readonly gather: (() => Gathered) | null
  /** Longest time in which the frontend takes what its hardware has, once nothing more comes by it. */
  readonly drainMs: number
}

/** See {@link RxFenceParts.gather}. `settled`: what went by another queue has been taken. */
export interface Gathered {
  settled(): Promise<void>
  release(): void
}

/** A flow that changes over, in its slot. */
interface Change {
  readonly ticket: number
  /** Resolves the wait for the frontend's answer; null once it has come. */
  held: (() => void) | null
  /** Its mark has not been reached. */
  moving: boolean
  readonly timer: { cancel(): void }
}

/** One vif's fence. Without a page, or with a frontend that does not answer, filters are inserted unfenced. */
export class RxFence implements VifFence {
  private readonly parts: RxFenceParts
  private readonly changes: (Change | null)[]
  private page: FencePage | null
  private written: HeldFrames | null
  private bell: number
  private ticket: number
  /** Flows whose mark has not been reached, those with a slot but no request yet included. */
  private moving: number
  private waiting: ((slot: number) => void)[]
  private gathered: Gathered | null

  constructor(parts: RxFenceParts) {
    this.parts = parts
    this.changes = Array.from({ length: FENCE_SLOTS }, () => null)
    this.page = null
    this.written = null
    this.bell = 0
    this.ticket = 0
    this.moving = 0
    this.waiting = []
    this.gathered = null
  }

  open(view: View): void {
    const { engine, gather, queue, departureNs } = this.parts
    const page = new FencePage(view)
    this.page = page
    this.bell = page.frontBell
    this.written = new HeldFrames({ engine, page, keepNs: departureNs })
    queue.written = this.written
    queue.onEvent = this.look
    if (gather !== null) this.gathered = gather()
  }

  /** Nothing of it is held from here: what it was made with belongs to an attachment, and so to a generation. */
  close(): void {
    const { drainMs, engine, queue } = this.parts
    const { gathered } = this
    // What stands in the hardware has to come out before later frames of its flow come by another queue.
    if (gathered !== null) engine.after(2 * drainMs * NS_PER_MS, () => gathered.release())
    this.gathered = null
    if (queue.onEvent === this.look) queue.onEvent = null
    this.page = null
    if (queue.written === this.written) queue.written = null
    this.written?.close()
    this.written = null
    for (let slot = 0; slot < FENCE_SLOTS; slot++) this.vacate(slot)
    this.moving = 0
    for (const take of this.waiting.splice(0)) take(-1)
  }

  /** The frontend has raised its event channel: it may have answered. */
  readonly look = (): void => {
    const { page } = this
    if (page === null) return
    const bell = page.frontBell
    if (bell === this.bell) return
    this.bell = bell
    this.written?.look()
    for (let slot = 0; slot < FENCE_SLOTS; slot++) {
      const change = this.changes[slot]
      if (change === null) continue
      if (change.held !== null && page.held(slot, change.ticket)) this.answered(change)
      if (page.released(slot, change.ticket)) this.vacate(slot)
    }
  }

  /** Steps 1 to 5 of the contract's RX fence; settles after step 3. */
  insert(key: FlowKey, _vi: Vi, insert: () => Filter | FilterStatus): Promise<Filter | FilterStatus> {
    const { engine } = this.parts
    return onClock(engine, async () => {
      if (this.gathered !== null) await this.gathered.settled()
      const slot = this.page === null ? -1 : await this.claim()
      const { page } = this
      if (slot < 0 || page === null) return insert()
      const change = this.begin(page, slot, key)
      await this.whenHeld(change)
      const answer = insert()
      void onClock(engine, () => this.finish(page, slot, change))
      return answer
    })
  }

  private begin(page: FencePage, slot: number, key: FlowKey): Change {
    const ticket = nextTicket(this.ticket)
    this.ticket = ticket
    const timer = this.parts.engine.after(SLOT_HOLDS * this.parts.holdMs * NS_PER_MS, () => {
      if (this.changes[slot]?.ticket === ticket) this.vacate(slot)
    })
    const change: Change = { ticket, held: null, moving: true, timer }
    this.changes[slot] = change
    page.ask(slot, ticket, key)
    page.ringBack()
    this.parts.queue.notifyGuest()
    return change
  }

  private whenHeld(change: Change): Promise<void> {
    const { engine, holdMs } = this.parts
    const held = new Promise<void>((resolve) => {
      change.held = resolve
    })
    return withDeadline(engine, holdMs, "the frontend's fence", () => held).catch(() => {})
  }

  /** Steps 4 and 5. A port that does not say when it is done has had its time as well. */
  private async finish(page: FencePage, slot: number, change: Change): Promise<void> {
    const { queue, handedOver } = this.parts
    await handedOver().catch(() => {})
    queue.mark((index) => {
      if (this.changes[slot] !== change) return
      page.reach(slot, change.ticket, index)
      page.ringBack()
      queue.notifyGuest()
      this.moved(change)
    })
  }

  /** A free slot, or -1 when the frontend leaves. */
  private claim(): Promise<number> {
    const slot = this.slotNow()
    return slot < 0 ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve(slot)
  }

  private slotNow(): number {
    if (this.moving > 0 && this.parts.queue.queued > SHORT_QUEUE) return -1
    const slot = this.changes.indexOf(null)
    if (slot < 0) return -1
    this.changes[slot] = RESERVED
    this.moving++
    return slot
  }

  private moved(change: Change): void {
    if (!change.moving) return
    change.moving = false
    this.moving--
    this.admit()
  }

  private admit(): void {
    while (this.page !== null && this.waiting.length > 0) {
      const slot = this.slotNow()
      if (slot < 0) return
      this.waiting.shift()?.(slot)
    }
  }

  private answered(change: Change): void {
    change.held?.()
    change.held = null
  }

  private vacate(slot: number): void {
    const change = this.changes[slot]
    if (change === null) return
    change.timer.cancel()
    this.answered(change)
    this.changes[slot] = null
    this.moved(change)
    this.admit()
  }
}

/** Stands in a slot between its claim and its request. */
const RESERVED: Change = { ticket: 0, held: null, moving: false, timer: { cancel: () => {} } }
