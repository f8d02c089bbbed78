// Stage 4s of a frame's way out, last part: the answers to the guest's TX requests.
import type { Frame } from '@netaccel/packet'
import type { BackRing, Engine, Timer } from '@netaccel/xen'
import {
  txId,
  writeTxResponse,
  XEN_NETIF_RSP_NULL,
  XEN_NETIF_RSP_OKAY,
  XEN_NETIF_TX_SLOT_BYTES,
} from '@netaccel/xen/netif'
import type { DepartureWatch, GuestFrames } from './guest-frames.js'
import { MOST_SLOTS } from './tx-packet.js'

const NONE = -1
/** Longest wait of a request for its frame to leave, ns, unless an attachment says otherwise. */
const DEADLINE_NS = 10e6

/** One waiter for all frames that were on the way when it came. */
interface Waiter {
  readonly number: number
  left: number
  readonly work: () => void
}

/**
 * Answers requests: at once, or when the frame has left the driver domain, 10 ms at most. A frame is known by its
 * index in the queue's pool; the ids of its slots are kept here until the answer, and a frame is taken from the pool
 * again only after it has departed, so an index never stands for two frames.
 */
export class TxResponses implements DepartureWatch {
  /** Something was answered outside a poll and has to be published: schedule one. */
  publish: (() => void) | null
  /** Longest wait of a request for its frame to leave, ns. */
  deadlineNs: number
  private readonly engine: Engine
  private readonly frames: GuestFrames
  private ring: BackRing | null
  private readonly ids: Uint16Array
  /** Slots of each frame that awaits its answer; 0: it does not. */
  private readonly slots: Uint8Array
  private readonly extras: Uint8Array
  /** Frames not answered yet, oldest first, as a list through their indices. */
  private readonly previous: Int32Array
  private readonly next: Int32Array
  private readonly since: Float64Array
  private oldest: number
  private newest: number
  /** The first waiter that each frame is awaited by, who came after it was taken; 0: none is. */
  private readonly awaited: Uint32Array
  private waiters: Waiter[]
  private timer: Timer | null

  constructor(engine: Engine, frames: GuestFrames) {
    const { size } = frames
    this.engine = engine
    this.frames = frames
    this.publish = null
    this.deadlineNs = DEADLINE_NS
    this.ring = null
    this.ids = new Uint16Array(size * MOST_SLOTS)
    this.slots = new Uint8Array(size)
    this.extras = new Uint8Array(size)
    this.previous = new Int32Array(size).fill(NONE)
    this.next = new Int32Array(size).fill(NONE)
    this.since = new Float64Array(size)
    this.oldest = NONE
    this.newest = NONE
    this.awaited = new Uint32Array(size)
    this.waiters = []
    this.timer = null
  }

  /** Frames taken from the guest that have not left. */
  get inFlight(): number {
    return this.frames.size - this.frames.free
  }

  connect(ring: BackRing): void {
    this.ring = ring
  }

  /** No answer can be given any more; frames on the way still count. */
  disconnect(): void {
    this.ring = null
    while (this.oldest !== NONE) this.unlink(this.oldest)
    this.watchFrames()
    this.timer?.cancel()
    this.timer = null
  }

  /** Answer one request, and fill the slots of its extra infos. Every byte of an answer is written (XSA-216). */
  write(id: number, status: number, extras: number): void {
    const ring = this.ring
    if (ring === null) return
    const words = ring.page.words
    let produced = ring.rspProdPvt
    writeTxResponse(words, ring.slotOffset(produced), id, status)
    produced = (produced + 1) >>> 0
    for (let extra = 0; extra < extras; extra++) {
      writeTxResponse(words, ring.slotOffset(produced), 0, XEN_NETIF_RSP_NULL)
      produced = (produced + 1) >>> 0
    }
    ring.rspProdPvt = produced
  }

  /** Answer OKAY to one request for each word of `ids`, `ids[from]` up to but not including `ids[to]`: its low half. */
  writeOkay(ids: Int32Array, from: number, to: number): void {
    const ring = this.ring
    if (ring === null) return
    const { mask, slots, words } = ring
    const first = ring.rspProdPvt - from
    for (let i = from; i < to; i++) {
      const at = slots + ((first + i) & mask) * XEN_NETIF_TX_SLOT_BYTES
      writeTxResponse(words, at, txId(ids[i]), XEN_NETIF_RSP_OKAY)
    }
    ring.rspProdPvt = (first + to) >>> 0
  }

  /** Keep the ids of a frame until it has left: slot k has `ids[from + k]`. */
  hold(frame: Frame, ids: Uint16Array, from: number, slots: number, extras: number): void {
    const at = frame.index * MOST_SLOTS
    for (let slot = 0; slot < slots; slot++) this.ids[at + slot] = ids[from + slot]
    this.keep(frame.index, slots, extras)
  }

  /** The same for a frame of one slot. */
  holdOne(frame: Frame, id: number): void {
    this.ids[frame.index * MOST_SLOTS] = id
    this.keep(frame.index, 1, 0)
  }

  private keep(index: number, slots: number, extras: number): void {
    this.slots[index] = slots
    this.extras[index] = extras
    this.engine.stamp(this.since, index)
    this.previous[index] = this.newest
    this.next[index] = NONE
    if (this.newest === NONE) this.oldest = index
    else this.next[this.newest] = index
    this.newest = index
    this.frames.watch = this
    if (this.timer === null) this.watch(this.deadlineNs)
  }

  departed(frame: Frame): void {
    const index = frame.index
    if (this.slots[index] !== 0) {
      this.answer(index)
      if (this.publish !== null) this.publish()
    }
    if (this.awaited[index] !== 0) this.tellWaiters(index)
    this.watchFrames()
  }

  /** Answer all that is kept, now: it is not to wait any more. */
  answerAll(): void {
    while (this.oldest !== NONE) this.answer(this.oldest)
    this.watchFrames()
    if (this.publish !== null) this.publish()
  }

  /** Call `work` once every frame now on the way has left. */
  whenDeparted(work: () => void): void {
    const number = (this.waiters.at(-1)?.number ?? 0) + 1
    let left = 0
    for (const frame of this.frames.all) {
      if (frame.holders === 0) continue
      left++
      if (this.awaited[frame.index] === 0) this.awaited[frame.index] = number
    }
    if (left === 0) return work()
    this.waiters.push({ number, left, work })
    this.watchFrames()
  }

  /** Frames are watched only while one awaits its answer, or somebody awaits one. */
  private watchFrames(): void {
    this.frames.watch = this.oldest !== NONE || this.waiters.length !== 0 ? this : null
  }

  private answer(index: number): void {
    const at = index * MOST_SLOTS
    const slots = this.slots[index]
    for (let slot = 0; slot < slots; slot++) {
      this.write(this.ids[at + slot], XEN_NETIF_RSP_OKAY, slot === 0 ? this.extras[index] : 0)
    }
    this.unlink(index)
  }

  private unlink(index: number): void {
    const previous = this.previous[index]
    const next = this.next[index]
    if (previous === NONE) this.oldest = next
    else this.next[previous] = next
    if (next === NONE) this.newest = previous
    else this.previous[next] = previous
    this.slots[index] = 0
  }

  private watch(ns: number): void {
    this.timer = this.engine.after(ns, () => this.expire())
  }

  private expire(): void {
    this.timer = null
    const now = this.engine.now()
    let answered = false
    while (this.oldest !== NONE && this.since[this.oldest] + this.deadlineNs <= now) {
      this.answer(this.oldest)
      answered = true
    }
    if (answered && this.publish !== null) this.publish()
    // At least 1 ns: a rest too small to be added to the time would be due now, for ever.
    if (this.oldest !== NONE) this.watch(Math.max(1, this.since[this.oldest] + this.deadlineNs - now))
  }

  private tellWaiters(index: number): void {
    const first = this.awaited[index]
    this.awaited[index] = 0
    let done = false
    for (const waiter of this.waiters) {
      if (waiter.number >= first && --waiter.left === 0) done = true
    }
    if (!done) return
    const ready = this.waiters.filter((waiter) => waiter.left === 0)
    this.waiters = this.waiters.filter((waiter) => waiter.left !== 0)
    for (const waiter of ready) waiter.work()
  }
}
