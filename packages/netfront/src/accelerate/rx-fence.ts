// The order fence of the way in, the guest's end: frames of a flow that changes over from the ring to the fast path are
// held until the last of its slow frames has been delivered.
import { FENCE_SLOTS, FencePage } from '@netaccel/core'
import type { View } from '@netaccel/core'
import { FrameQueue, PacketInfo, parsePacket } from '@netaccel/packet'
import type { FlowMatcher, Frame } from '@netaccel/packet'
import type { Timer } from '@netaccel/xen'
import type { QueueSide } from '../fast-path.js'

/** What the fence asks of the fast path it belongs to. */
export interface RxFenceOwner {
  readonly queue: QueueSide
  /** Longest time that a frame is held, ns. */
  readonly holdNs: number
  /** Most frames that can stand unread in the fast path. */
  readonly rxDepth: number
  /** The frame goes to the stack now. */
  hand(frame: Frame): void
  /** A hold ended by its limits, before the slow frames had come: order may be broken. */
  overrun(): void
}

/** One flow that changes over; `ticket` 0: none. */
class Hold {
  ticket = 0
  /** What netback asked for last in this slot, whatever became of it. */
  seen = 0
  matcher: FlowMatcher | null = null
  /** False: what stood in the fast path when netback asked is still being delivered. */
  holding = false
  drained = 0
  /** The ring index at which the last slow frame has been delivered, once netback has said it. */
  indexKnown = false
  index = 0
  timer: Timer | null = null
  readonly frames = new FrameQueue()
}

/**
 * At most {@link FENCE_SLOTS} flows at once, over a page that netback writes into. While there is none it costs one
 * atomic load a poll. What netback writes is read once and bounded: a hold ends by its deadline, all holds together keep
 * at most what the fast path can receive. When they keep all of its buffers it has nothing more to read, so that the poll
 * turns to the slow frames that are waited for: with a limit below that, a flow that fills the hardware was let go before
 * its slow frames ever had a turn.
 */
export class RxFence {
  /** Frames held now. */
  held = 0
  private readonly owner: RxFenceOwner
  private readonly page: FencePage
  private readonly holds: readonly Hold[]
  private readonly info: PacketInfo
  private bell: number
  /** Flows that are changing over, and those of them whose frames are held. */
  private active: number
  private told: boolean
  /** What netback was told last of how far the ring has been delivered, and for which of its questions. */
  private position: number
  private awaited: number

  constructor(owner: RxFenceOwner, page: View) {
    this.owner = owner
    this.page = new FencePage(page)
    this.holds = Array.from({ length: FENCE_SLOTS }, () => new Hold())
    this.info = new PacketInfo()
    this.bell = this.page.backBell
    this.held = 0
    this.active = 0
    this.told = false
    this.position = 0
    this.awaited = 0
  }

  /** Some flow is changing over, so {@link reached} wants to be called. */
  get watching(): boolean {
    return this.active > 0
  }

  /** Before the fast path is polled: what netback asks for from now on concerns what is delivered after this poll. */
  look(): void {
    const bell = this.page.backBell
    if (bell === this.bell) return
    this.bell = bell
    for (let slot = 0; slot < FENCE_SLOTS; slot++) this.lookAt(slot)
    this.tell()
  }

  /** After a poll of the fast path that delivered so many; `idle`: nothing that stood there before is left. */
  polled(delivered: number, idle: boolean): void {
    if (this.active === 0) return
    for (let slot = 0; slot < FENCE_SLOTS; slot++) {
      const hold = this.holds[slot]
      if (hold.ticket === 0 || hold.holding) continue
      hold.drained += delivered
      if (idle || hold.drained >= this.owner.rxDepth) this.begin(slot, hold)
    }
    this.tell()
  }

  /** True: the frame is held; else it is the caller's still. */
  keeps(frame: Frame): boolean {
    if (this.active === 0) return false
    parsePacket(frame, this.info)
    for (let slot = 0; slot < FENCE_SLOTS; slot++) {
      const hold = this.holds[slot]
      if (!hold.holding || hold.matcher === null || !hold.matcher.matches(frame, this.info)) continue
      if (this.held >= this.owner.rxDepth) this.makeRoom()
      // Its own hold may have been the one that had to end.
      if (!hold.holding) return false
      hold.frames.push(frame)
      this.held++
      return true
    }
    return false
  }

  /** The slow side has delivered everything before this index of the ring. */
  reached(position: number): void {
    if (this.active === 0) return
    for (let slot = 0; slot < FENCE_SLOTS; slot++) {
      const hold = this.holds[slot]
      if (!hold.holding) continue
      if (!hold.indexKnown && this.page.reached(slot, hold.ticket)) {
        hold.indexKnown = true
        hold.index = this.page.index(slot)
      }
      if (hold.indexKnown && ((position - hold.index) | 0) >= 0) this.end(slot, hold)
    }
    this.tell()
  }

  /**
   * Everything of the ring before this index has been delivered. Netback waits for it with frames of another guest of this
   * host, which may send the next ones of their flows past the ring only then.
   */
  delivered(position: number): void {
    const { page } = this
    const at = position | 0
    if (at !== this.position) {
      this.position = at
      page.deliver(at)
    }
    const ticket = page.awaited
    if (ticket === this.awaited || ((at - page.awaitedIndex) | 0) < 0) return
    this.awaited = ticket
    this.told = true
    this.tell()
  }

  /** Nothing is held any more, from now on. */
  close(): void {
    for (let slot = 0; slot < FENCE_SLOTS; slot++) {
      if (this.holds[slot].ticket !== 0) this.end(slot, this.holds[slot])
    }
    this.tell()
  }

  private lookAt(slot: number): void {
    const hold = this.holds[slot]
    const ticket = this.page.asked(slot)
    if (ticket === hold.seen) return
    // Netback has given the slot to another flow: it waits for this one no more.
    if (hold.ticket !== 0) this.overrun(slot, hold)
    hold.seen = ticket
    if (ticket === 0) return
    const matcher = this.page.matcher(slot)
    hold.ticket = ticket
    hold.matcher = matcher ?? null
    hold.drained = 0
    hold.indexKnown = false
    this.active++
    if (matcher !== undefined) return
    // No frame can match; netback need not wait.
    this.page.hold(slot, ticket)
    this.end(slot, hold)
  }

  private begin(slot: number, hold: Hold): void {
    const { ticket } = hold
    hold.holding = true
    this.page.hold(slot, ticket)
    this.told = true
    hold.timer = this.owner.queue.engine.after(this.owner.holdNs, () => {
      this.overrun(slot, hold)
      this.tell()
      this.owner.queue.schedulePoll()
    })
  }

  private end(slot: number, hold: Hold): void {
    const { ticket, frames } = hold
    hold.ticket = 0
    hold.holding = false
    hold.matcher = null
    hold.timer?.cancel()
    hold.timer = null
    this.active--
    for (let frame = frames.shift(); frame !== undefined; frame = frames.shift()) {
      this.held--
      this.owner.hand(frame)
    }
    this.page.release(slot, ticket)
    this.told = true
  }

  private overrun(slot: number, hold: Hold): void {
    this.owner.overrun()
    this.end(slot, hold)
  }

  /** The flow that holds most gives way: it is nearest to holding up the fast path. */
  private makeRoom(): void {
    let most = 0
    for (let slot = 1; slot < FENCE_SLOTS; slot++) {
      if (this.holds[slot].frames.count > this.holds[most].frames.count) most = slot
    }
    if (this.holds[most].frames.count > 0) this.overrun(most, this.holds[most])
  }

  private tell(): void {
    if (!this.told) return
    this.told = false
    this.page.ringFront()
    this.owner.queue.notifyBackend()
  }
}
