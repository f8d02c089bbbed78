// Stage 8 of a frame's way out and in: the wire.
import { DropCounters } from '@netaccel/core'
import type { Frame, View } from '@netaccel/packet'
import { ETH_HEADER, FramePool, FrameQueue, poolBytes, privateArena, VLAN_TAG } from '@netaccel/packet'
import type { Engine, Timer } from '@netaccel/xen'
import { WireNoise } from './wire-noise.js'
import type { WireSettings } from './wire-options.js'

/** Preamble, check sequence and gap between frames, in byte times; and the shortest frame without them (IEEE 802.3). */
const FRAME_OVERHEAD = 24
const SHORTEST = 60
/** A sender may be this far ahead of the wire before it has to wait. */
const AHEAD_NS = 20_000
/** Nothing has been found out about a frame. */
const NOTHING = -1

/** Sees each frame as it is put on the wire (also one that will be lost there) and as it arrives. */
export interface LaneObserver {
  sent(frame: Frame): void
  arrived(frame: Frame): void
}

/** What a lane needs of its sender's end; see `WireSocket`. */
export interface LaneSender {
  readonly engine: Engine
  buffer?(bytes: number): View | undefined
  freeBuffer?(buffer: View): void
}

/**
 * One direction of a wire. Frames in flight lie in slots of the sender's packet buffer, or of the wire's own if it has
 * none: the sender's NIC copies a frame into a slot, the receiver's copies it out, so the two may be in machines that
 * share no memory.
 *
 * Order is kept but for frames that the seed holds back. sent + duplicated = delivered + dropped + in flight,
 * in frames; a corrupted frame is delivered, for the receiver to count.
 */
export class WireLane {
  sent = 0
  sentBytes = 0
  delivered = 0
  deliveredBytes = 0
  /** `wire_loss`: seeded loss. `wire_no_slot`: flow control is off. `wire_down`: the plug was pulled. */
  readonly drops: DropCounters
  /** What it does on purpose, and how often it has. */
  readonly noise: WireNoise
  /** Times the sender had to wait. */
  pauses = 0
  /** Called when a sender that was told to wait may go on. Called when a frame has arrived. Set by the devices. */
  onRoom: () => void
  onArrival: () => void
  /** Null: nobody observes. */
  observer: LaneObserver | null
  private readonly engine: Engine
  private readonly settings: WireSettings
  private readonly pool: FramePool
  private freeBuffer: (() => void) | null
  /** Where frames go that have no slot when flow control is off. */
  private readonly bin: FramePool
  private readonly due: Float64Array
  private readonly findings: Int32Array
  private readonly flying: FrameQueue
  private readonly arrived: FrameQueue
  private readonly untimed: boolean
  private readonly whenDue: () => void
  private readonly whenRoom: () => void
  private busyUntil: number
  private arrivalTimer: Timer | null
  private roomTimer: Timer | null
  private waiting: boolean
  private up: boolean

  /** `mtu`: the largest that either end will have. */
  constructor(sender: LaneSender, settings: WireSettings, mtu: number, name: string) {
    const bytesEach = mtu + ETH_HEADER + VLAN_TAG
    this.drops = new DropCounters()
    const { engine } = sender
    this.engine = engine
    this.settings = settings
    const bytes = poolBytes(settings.slots, bytesEach)
    const buffer = sender.buffer?.(bytes)
    this.freeBuffer = buffer === undefined ? null : () => sender.freeBuffer?.(buffer)
    this.pool = new FramePool(buffer ?? privateArena(bytes), { frames: settings.slots, bytesEach })
    const fly = (slot: Frame): void => this.fly(slot)
    this.noise = new WireNoise(settings, `${settings.seed}/${name}`, engine, this.pool, fly)
    this.bin = new FramePool(privateArena(poolBytes(1, bytesEach)), { frames: 1, bytesEach })
    this.pool.onFree = () => this.slotFreed()
    this.due = new Float64Array(settings.slots)
    this.findings = new Int32Array(settings.slots).fill(NOTHING)
    this.flying = new FrameQueue()
    this.arrived = new FrameQueue()
    this.untimed = settings.nsPerByte === 0 && settings.delayNs === 0
    this.whenDue = () => this.arrive()
    this.whenRoom = () => this.paceOver()
    this.onRoom = ignore
    this.onArrival = ignore
    this.observer = null
    this.busyUntil = 0
    this.arrivalTimer = null
    this.roomTimer = null
    this.waiting = false
    this.up = true
  }

  /** Frames sent and not yet taken by the receiver. */
  get inFlight(): number {
    return this.flying.count + this.arrived.count + this.noise.holding
  }

  /** A slot to fill and {@link send}, or undefined: wait for {@link onRoom}. */
  slot(): Frame | undefined {
    if (this.settings.nsPerByte > 0 && this.busyUntil > this.engine.now() + AHEAD_NS) return this.wait(true)
    const slot = this.pool.take()
    if (slot !== undefined) return slot
    if (this.settings.flowControl) return this.wait(false)
    return this.bin.take()
  }

  /** A slot if the wire paces nobody and one is free; undefined: ask {@link slot}, which can make the sender wait. */
  freeSlot(): Frame | undefined {
    return this.settings.nsPerByte > 0 ? undefined : this.pool.take()
  }

  /** Gives a slot of {@link slot} or {@link freeSlot} back unused. */
  putBack(slot: Frame): void {
    slot.release()
  }

  /** Nothing delays, harms, loses or watches frames: they arrive as they are sent. */
  get quiet(): boolean {
    return this.untimed && this.up && !this.noise.any && this.observer === null
  }

  /** As {@link sendFound} for one frame of a run, while the wire is {@link quiet}; {@link sentRun} ends the run. */
  putRun(slot: Frame, found: number): void {
    this.findings[slot.index] = found
    this.arrived.push(slot)
  }

  sentRun(frames: number, bytes: number): void {
    this.sent += frames
    this.sentBytes += bytes
    if (frames > 0) this.onArrival()
  }

  /** What the sender of a slot that has arrived has found out about it; -1: nothing. */
  finding(slot: Frame): number {
    return this.findings[slot.index]
  }

  /** Sends a filled slot: from here it has left. */
  send(slot: Frame): void {
    this.sendFound(slot, NOTHING)
  }

  /** The same; `found` is what its sender has found out about it, for the receiver: a finding of frame moves. */
  sendFound(slot: Frame, found: number): void {
    this.sent++
    this.sentBytes += slot.length
    if (this.observer !== null) this.observer.sent(slot)
    const drop = this.dropped(slot)
    this.serialise(slot)
    if (drop) {
      slot.release()
      return
    }
    const { noise } = this
    // What does harm on purpose would have to keep findings true.
    this.findings[slot.index] = noise.any ? NOTHING : found
    if (noise.any) noise.pass(slot)
    else this.fly(slot)
  }

  /** The oldest frame that has arrived, left where it is. */
  peek(): Frame | null {
    return this.arrived.peek()
  }

  get waitingArrivals(): number {
    return this.arrived.count
  }

  /** True if the check sequence of an arrived frame is wrong. */
  isCorrupt(slot: Frame): boolean {
    return this.noise.isCorrupt(slot)
  }

  /** The receiver is done with the oldest frame: its slot is free again. */
  consume(): void {
    const slot = this.arrived.shift()
    if (slot === undefined) return
    this.delivered++
    this.deliveredBytes += slot.length
    slot.release()
  }

  /** Pulls the plug (all that is in flight is lost, counted) or puts it back. */
  setUp(up: boolean): void {
    this.up = up
    if (up) return
    this.noise.letGo()
    this.empty(this.flying)
    this.empty(this.arrived)
    this.arrivalTimer?.cancel()
    this.arrivalTimer = null
  }

  /** The wire is parted, and neither end holds a slot: their memory goes back to the sender. */
  freeSlots(): void {
    this.freeBuffer?.()
    this.freeBuffer = null
  }

  private empty(queue: FrameQueue): void {
    for (let slot = queue.shift(); slot !== undefined; slot = queue.shift()) {
      this.drops.count('wire_down', 1, slot.length)
      slot.release()
    }
  }

  private dropped(slot: Frame): boolean {
    if (!this.up) {
      this.drops.count('wire_down', 1, slot.length)
      return true
    }
    if (slot === this.bin.frames[0]) {
      this.drops.count('wire_no_slot', 1, slot.length)
      return true
    }
    if (!this.noise.loses(slot)) return false
    this.drops.count('wire_loss', 1, slot.length)
    return true
  }

  private fly(slot: Frame): void {
    if (this.untimed) {
      this.land(slot)
      this.onArrival()
      return
    }
    this.due[slot.index] = Math.max(this.busyUntil, this.engine.now()) + this.settings.delayNs
    this.flying.push(slot)
    if (this.arrivalTimer === null) this.setArrivalTimer(slot)
  }

  private serialise(slot: Frame): void {
    const { nsPerByte } = this.settings
    if (nsPerByte === 0) return
    const bytes = (slot.length < SHORTEST ? SHORTEST : slot.length) + FRAME_OVERHEAD
    const now = this.engine.now()
    this.busyUntil = (this.busyUntil > now ? this.busyUntil : now) + bytes * nsPerByte
  }

  private wait(pacing: boolean): undefined {
    if (!this.waiting) {
      this.waiting = true
      this.pauses++
    }
    if (pacing && this.roomTimer === null) {
      const ns = this.busyUntil - this.engine.now() - AHEAD_NS / 2
      this.roomTimer = this.engine.after(Math.max(1, ns), this.whenRoom)
    }
    return undefined
  }

  private paceOver(): void {
    this.roomTimer = null
    this.slotFreed()
  }

  private slotFreed(): void {
    if (!this.waiting || this.roomTimer !== null) return
    this.waiting = false
    this.onRoom()
  }

  private land(slot: Frame): void {
    if (this.observer !== null) this.observer.arrived(slot)
    this.arrived.push(slot)
  }

  private setArrivalTimer(head: Frame): void {
    const ns = this.due[head.index] + this.settings.coalesceNs - this.engine.now()
    this.arrivalTimer = this.engine.after(Math.max(0, ns), this.whenDue)
  }

  /** One timer for all that is due by now. */
  private arrive(): void {
    this.arrivalTimer = null
    const now = this.engine.now()
    let head = this.flying.peek()
    let any = false
    while (head !== null && this.due[head.index] <= now) {
      this.flying.shift()
      this.land(head)
      any = true
      head = this.flying.peek()
    }
    if (head !== null) this.setArrivalTimer(head)
    if (any) this.onArrival()
  }
}

function ignore(): void {}
