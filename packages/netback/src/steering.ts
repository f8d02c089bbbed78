// Before stage 4s of a frame's way in, for a guest with several queues: which queue.
import { FlowHasher } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { Engine, Timer } from '@netaccel/xen'
import type { BackQueue } from './back-queue.js'
import type { VifHash } from './hash/vif-hash.js'
import { SendQueue } from './send-queue.js'

/** How often the queues are looked at while frames wait for a change to be over, and for how long at most. */
const LOOK_NS = 25_000
const MOST_HOLD_NS = 20e6

/**
 * Spreads what goes to a guest over its queues: by the guest's own hash and table once it has chosen an algorithm, else by
 * the hash of a frame's flow modulo their number, as Linux's own pick for a device of several queues. Any choice would do
 * for the guest, which takes any packet from any queue; but a flow has to keep to one, since queues overtake each other.
 *
 * So when the choice changes, what comes for the guest waits until all that went before has been taken out of the rings
 * (`BackRing.responsesTaken`), 20 ms at most; then a flow is on its new queue and has not overtaken itself. Linux changes
 * over at once, and a flow may.
 */
export class Steering {
  /** Queues of the connection. */
  active: number
  /** Changes that were over before the guest had shown that it had taken all: order was not kept. */
  overruns: number
  private readonly queues: readonly BackQueue[]
  private readonly hash: VifHash
  private readonly engine: Engine
  private readonly hasher: FlowHasher
  /** Where the time of a held frame is written. */
  private readonly time: Float64Array
  /** How many want all to go by the first queue; and the connection that they want it of. */
  private gatherers: number
  private connection: number
  /** The choice that was made last was the hash's. */
  private byHash: boolean
  /** Frames that wait for a change to be over; made with the first change. */
  private held: SendQueue | null
  private holding: boolean
  private since: number
  private timer: Timer | null
  private waiting: (() => void)[]

  constructor(queues: readonly BackQueue[], hash: VifHash, engine: Engine) {
    this.active = 1
    this.overruns = 0
    this.queues = queues
    this.hash = hash
    this.engine = engine
    this.hasher = new FlowHasher()
    this.time = new Float64Array(1)
    this.gatherers = 0
    this.connection = 0
    this.byHash = false
    this.held = null
    this.holding = false
    this.since = 0
    this.timer = null
    this.waiting = []
  }

  /** The queue of a frame, as things stand. */
  queueOf(frame: Frame): number {
    if (this.active === 1 || this.gatherers > 0) return 0
    return this.byHash ? this.hash.queueOf(frame, this.active) : this.hasher.of(frame) % this.active
  }

  /** A frame for a guest with several queues, as `BackQueue.send`. */
  send(frame: Frame): void {
    if (this.holding) this.hold(frame)
    else this.queues[this.queueOf(frame)].send(frame)
  }

  /** As `BackQueue.sendBurst`. */
  sendBurst(frames: readonly Frame[], from: number, to: number): void {
    if (this.holding) {
      for (let i = from; i < to; i++) this.hold(frames[i])
      return
    }
    let at = from
    let next = this.queueOf(frames[from])
    while (at < to) {
      const index = next
      let end = at + 1
      while (end < to && (next = this.queueOf(frames[end])) === index) end++
      this.queues[index].sendBurst(frames, at, end)
      at = end
    }
  }

  /** The guest has changed its hash or its table. */
  hashChanged(): void {
    // Nothing that is not in use makes a difference.
    const before = this.byHash
    this.byHash = this.hash.wanted
    if (before || this.byHash) this.change()
  }

  /**
   * Everything by the first queue from here on, until the function that it gives is called or the guest goes: so it is
   * while an accelerator keeps the order of flows between its hardware and that queue.
   */
  gather(): () => void {
    const { connection } = this
    this.gatherers++
    if (this.gatherers === 1) this.change()
    let over = false
    return () => {
      if (over || this.connection !== connection) return
      over = true
      this.gatherers--
      if (this.gatherers === 0) this.change()
    }
  }

  /** Settles when no frame is on its way by a queue that it would not be sent by now. */
  settled(): Promise<void> {
    return this.holding ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve()
  }

  /** The guest is gone: what waits is dropped by a queue that nobody serves. */
  disconnect(): void {
    this.byHash = false
    this.gatherers = 0
    this.connection++
    this.release()
    this.active = 1
  }

  private change(): void {
    if (this.holding || this.active === 1 || this.taken()) return
    this.held ??= new SendQueue()
    this.holding = true
    this.since = this.engine.now()
    for (let index = 0; index < this.active; index++) this.queues[index].noteEnd()
    if (this.timer === null) this.timer = this.engine.after(LOOK_NS, () => this.look())
    else this.timer.again(LOOK_NS)
  }

  private taken(): boolean {
    for (let index = 0; index < this.active; index++) if (!this.queues[index].allTaken) return false
    return true
  }

  private look(): void {
    if (!this.holding) return
    const overdue = this.engine.now() - this.since >= MOST_HOLD_NS
    for (let index = 0; index < this.active; index++) {
      if (overdue || this.queues[index].endTaken) continue
      this.timer?.again(LOOK_NS)
      return
    }
    if (overdue) this.overruns++
    this.release()
  }

  private hold(frame: Frame): void {
    const { held } = this
    if (held === null || held.full) this.queues[0].refuse(frame, 'netback_rx_queue_full')
    else held.push(frame, this.time)
  }

  private release(): void {
    if (!this.holding) return
    this.holding = false
    this.timer?.cancel()
    const held = this.held
    for (let frame = held?.peek() ?? null; frame !== null; frame = held?.peek() ?? null) {
      const { length } = frame
      held?.shift(length)
      this.queues[this.queueOf(frame)].send(frame)
    }
    for (const settle of this.waiting.splice(0)) settle()
  }
}
