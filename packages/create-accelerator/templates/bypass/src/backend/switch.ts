import type { BackendContext, ScopeTimer } from '@netaccel/core'
import { ETH_HEADER } from '@netaccel/core'
import { BLANK, LENGTH_MASK, LONGEST, REFUSED } from '../layout.js'
import type { Lane } from './lane.js'

/** Frames of one guest before the next has its turn, and in one go before others of the driver domain have theirs. */
const QUANTUM = 16
const BATCH = 256
/** Milliseconds in which a guest must have gone on before others are kept waiting for it no longer. */
const PATIENCE_MS = 200

interface Waiter {
  readonly lane: Lane
  settle(): void
}

/**
 * Carries frames between guests: one copy, from the page that a guest sends from into a buffer that another has posted.
 * It runs on the driver domain's engine, never inside an event: an event only asks for it.
 */
export class Switch {
  private readonly context: BackendContext
  private readonly lanes: Lane[] = []
  private readonly timer: ScopeTimer
  private readonly patience: ScopeTimer
  /** Who waits for others to have stopped sending to it. */
  private waiters: Waiter[] = []
  private due = true
  private turn = 0
  /** Guests are watched: something stands in their buffers, or waits for one. */
  private watching = true

  constructor(context: BackendContext) {
    this.context = context
    this.timer = context.after(0, () => {
      this.due = false
      this.run()
    })
    this.patience = context.after(PATIENCE_MS, () => this.watch())
  }

  add(lane: Lane): void {
    this.lanes.push(lane)
    this.tellAll()
  }

  /** Others may send to this guest from here on. */
  list(lane: Lane): void {
    if (lane.listed) return
    lane.listed = true
    this.tellAll()
  }

  /**
   * Nobody may send to this guest any more. Settles when everybody knows, and what they had sent before is in its buffers:
   * a guest that read the old list a moment ago may still be writing its frame.
   */
  async unlist(lane: Lane, signal: AbortSignal): Promise<void> {
    if (!lane.listed) return
    lane.listed = false
    this.tellAll()
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        signal.removeEventListener('abort', settle)
        this.waiters = this.waiters.filter((waiter) => waiter.settle !== settle)
        resolve()
      }
      signal.addEventListener('abort', settle)
      this.waiters.push({ lane, settle })
      if (signal.aborted) settle()
      else this.kick()
    })
  }

  /** The guest has gone: what is for it is refused. */
  remove(lane: Lane): void {
    const at = this.lanes.indexOf(lane)
    if (at < 0) return
    lane.listed = false
    lane.completeAll()
    this.lanes.splice(at, 1)
    for (const other of this.lanes) other.forget(lane)
    this.tellAll()
    this.kick()
  }

  /** There is something to do. May be called inside an event. */
  kick(): void {
    if (this.due || this.context.signal.aborted) return
    this.due = true
    this.timer.again(0)
  }

  private run(): void {
    const { lanes } = this
    let carried = 0
    for (let i = 0; i < lanes.length; i++) lanes[i].complete()
    for (let idle = 0; idle < lanes.length && carried < BATCH;) {
      this.turn = (this.turn + 1) % lanes.length
      const some = this.carrySome(lanes[this.turn])
      carried += some
      idle = some === 0 ? idle + 1 : 0
    }
    for (let i = 0; i < lanes.length; i++) lanes[i].wake()
    if (carried >= BATCH) this.kick()
    else if (this.waiters.length > 0) this.settleWaiters()
  }

  private carrySome(from: Lane): number {
    let carried = 0
    while (carried < QUANTUM && from.wantsToSend && this.carry(from)) carried++
    return carried
  }

  /** The frame at the head of a guest's ring goes to another guest, or is refused. False: it has to wait. */
  private carry(from: Lane): boolean {
    const address = from.sendAddress()
    const word = from.sendWord()
    const length = word & LENGTH_MASK
    const good = length >= ETH_HEADER && length <= LONGEST && from.table.holds(address, length)
    const to = good ? this.find(from.table.high(address), from.table.low(address)) : undefined
    if (to === undefined || to === from) {
      from.sent(from.takeSend(), REFUSED)
      return true
    }
    this.watchSoon()
    while (to.canReceive) {
      to.stalled = false
      const buffer = to.bufferFor(length)
      if (buffer === 0) {
        // No good, and the guest's own doing: it comes back empty.
        to.received(0, null, 0)
        continue
      }
      from.table.copy(address, to.table, buffer, length)
      to.received(length | (word & BLANK), from, from.takeSend())
      return true
    }
    to.awaited = true
    if (to.stalled) from.sent(from.takeSend(), REFUSED)
    return to.stalled
  }

  private watchSoon(): void {
    if (this.watching || this.context.signal.aborted) return
    this.watching = true
    this.patience.again(PATIENCE_MS)
  }

  /** A guest that takes nothing must not hold up another for ever. */
  private watch(): void {
    this.watching = false
    for (const lane of this.lanes) {
      lane.stalled = !lane.hasMoved && (lane.unread > 0 || lane.awaited)
      lane.awaited = false
      if (lane.stalled) lane.completeAll()
      if (lane.unread > 0) this.watchSoon()
    }
    this.kick()
  }

  /** Found also when it is not listed: what was sent to it before it left still arrives. */
  private find(high: number, low: number): Lane | undefined {
    const { lanes } = this
    for (let i = 0; i < lanes.length; i++) if (lanes[i].low === low && lanes[i].high === high) return lanes[i]
    return undefined
  }

  private tellAll(): void {
    for (const lane of this.lanes) lane.tell(this.lanes.filter((other) => other !== lane && other.listed))
  }

  /** All that know of the leaving have nothing left in their rings that they sent before. */
  private settleWaiters(): void {
    for (const { lane, settle } of [...this.waiters]) {
      const others = this.lanes.filter((other) => other !== lane)
      if (others.every((other) => other.isUpToDate && !other.wantsToSend)) settle()
    }
  }
}
