// Stage 3f of a frame's way in, last part: segments of one flow that follow one another become one frame.
import type { Frame, FramePool, FrontendQueue, RxDrop, TxFailure, WordView } from '@netaccel/core'
import {
  Coalescer,
  copyBytes,
  plainIsTcp,
  plainPayload,
  plainTransport,
  TCP_ACK,
  TCP_PSH,
} from '@netaccel/core'
import type { LroFlows } from './lro-flows.js'
import type { Tally } from './tally.js'

/** Bytes of a merged frame at most (the original's limit). */
export const LRO_BYTES = 16384

// Bytes of a plain frame: untagged, an IPv4 header of 20 bytes.
const IP_SOURCE = 26
const IP_DESTINATION = 30
/** Both, source first. */
const PORTS = 34
const SEQUENCE = 38
const FLAGS = 47

/** What merging works with. */
export interface LroParts {
  readonly flows: LroFlows
  /** Frames of {@link LRO_BYTES}. When all are out, segments go on as they are. */
  readonly pool: FramePool
  /** The guest's memory, in which all frames lie. */
  readonly memory: WordView
  readonly tally: Tally
  /** Segments in order that a flow must show before any of its are merged: in slow start the sender waits for each ACK. */
  readonly slowStart: number
}

/**
 * Large receive offload, `ssr` in sfc_netfront: stands before the host's end of a queue and looks like it. Pure data segments
 * of a followed flow that come in order, with equal headers, are held and merged until the poll ends ({@link flush}), so
 * nothing is kept while the poll sleeps (RX-02). What cannot be merged first sends out what its flow holds (RX-04).
 *
 * The first segment of a merge is held as it came; it is copied only when a second one follows. The merged frame is a GSO frame
 * with a blank checksum: each of its segments was found right, and the stack need not look again (RX-06, RX-08).
 */
export class Lro implements FrontendQueue {
  readonly index: number
  private readonly queue: FrontendQueue
  private readonly parts: LroParts
  /** By place of the flow: the one segment that is held as it came, or what is being merged. */
  private readonly firsts: (Frame | null)[]
  private readonly merges: Coalescer[]
  /** Flows that hold something. */
  private held: number

  constructor(queue: FrontendQueue, parts: LroParts) {
    this.index = queue.index
    this.queue = queue
    this.parts = parts
    this.firsts = Array.from({ length: parts.flows.count }, () => null)
    this.merges = this.firsts.map(() => new Coalescer())
    this.held = 0
  }

  deliver(frame: Frame): void {
    const plain = plainTransport(frame)
    if (plain < 0) {
      // Not whole headers where they are expected: whose flow it is, if it is TCP, cannot be told.
      this.flush()
      this.queue.deliver(frame)
    } else if (!plainIsTcp(plain)) this.queue.deliver(frame)
    else {
      const { view, offset } = frame
      const flow = this.parts.flows.find(
        view.getInt32(offset + IP_SOURCE),
        view.getInt32(offset + IP_DESTINATION),
        view.getInt32(offset + PORTS),
      )
      const payload = plainPayload(plain)
      const isData = (view.getUint8(offset + FLAGS) | TCP_PSH) === (TCP_ACK | TCP_PSH)
      if (payload > 0 && isData && frame.checksum === 'verified') this.segment(frame, flow, payload)
      else this.passOn(frame, flow)
    }
  }

  /** The poll ends: everything goes out. */
  flush(): void {
    for (let flow = 0; this.held > 0 && flow < this.firsts.length; flow++) this.send(flow)
  }

  /** What is held goes back to its pools, uncounted: a poll was left half done, and the VI is gone. */
  release(): void {
    for (const [flow, first] of this.firsts.entries()) {
      first?.release()
      this.firsts[flow] = null
      this.merges[flow].finish()?.release()
    }
    this.held = 0
  }

  completeTx(frame: Frame): void {
    this.queue.completeTx(frame)
  }

  failTx(frame: Frame, reason: TxFailure): void {
    this.queue.failTx(frame, reason)
  }

  dropRx(reason: RxDrop, segments: number, bytes: number): void {
    this.queue.dropRx(reason, segments, bytes)
  }

  schedule(): void {
    this.queue.schedule()
  }

  wake(): void {
    this.queue.wake()
  }

  charge(cost: 'descriptor' | 'byte' | 'event', count: number): void {
    this.queue.charge(cost, count)
  }

  /** No data, or more than data: a flow that begins, ends or breaks off is no longer followed. */
  private passOn(frame: Frame, flow: number): void {
    if (flow >= 0) {
      this.send(flow)
      if ((frame.view.getUint8(frame.offset + FLAGS) & ~(TCP_ACK | TCP_PSH)) !== 0) {
        this.parts.flows.forget(flow)
        this.parts.tally.ssrDropStream++
      }
    }
    this.queue.deliver(frame)
  }

  /** Data and nothing else. */
  private segment(frame: Frame, known: number, payload: number): void {
    const { flows, tally, slowStart } = this.parts
    const sequence = frame.view.getInt32(frame.offset + SEQUENCE)
    const flow = known < 0 ? this.follow(frame, sequence) : known
    if (flow < 0) return this.queue.deliver(frame)
    flows.use(flow)
    const isExpected = flows.expected[flow] === sequence
    flows.expected[flow] = sequence + payload
    if (!isExpected) {
      tally.ssrMisorder++
      flows.inOrder[flow] = 0
      this.send(flow)
      this.queue.deliver(frame)
    } else if (flows.inOrder[flow] < slowStart) {
      tally.ssrSlowStart++
      flows.inOrder[flow]++
      this.queue.deliver(frame)
    } else this.hold(frame, flow, payload)
  }

  private follow(frame: Frame, sequence: number): number {
    const { flows, tally } = this.parts
    const { view, offset } = frame
    const flow = flows.follow(
      view.getInt32(offset + IP_SOURCE),
      view.getInt32(offset + IP_DESTINATION),
      view.getInt32(offset + PORTS),
    )
    if (flow < 0) tally.ssrTooMany++
    else {
      tally.ssrNewStream++
      flows.expected[flow] = sequence
    }
    return flow
  }

  private hold(frame: Frame, flow: number, payload: number): void {
    const first = this.firsts[flow]
    if (first === null ? this.append(frame, flow, payload) : this.begin(first, frame, flow, payload)) return
    this.send(flow)
    // A segment that is pushed ends its merge: it need not wait for another.
    if ((frame.view.getUint8(frame.offset + FLAGS) & TCP_PSH) !== 0) return this.queue.deliver(frame)
    this.firsts[flow] = frame
    this.held++
  }

  /** A third segment, or a later one. */
  private append(frame: Frame, flow: number, payload: number): boolean {
    const merge = this.merges[flow]
    if (merge.segments === 0 || !merge.add(frame)) return false
    this.merged(frame, flow, payload)
    return true
  }

  /** A second segment: both are copied into a frame with room for more. */
  private begin(first: Frame, frame: Frame, flow: number, payload: number): boolean {
    const { pool, memory } = this.parts
    const merge = this.merges[flow]
    const whole = pool.take()
    if (whole === undefined) return false
    copyBytes(memory, whole.offset, memory, first.offset, first.length)
    whole.length = first.length
    whole.checksum = first.checksum
    if (!merge.begin(whole) || !merge.add(frame)) {
      merge.finish()
      whole.release()
      return false
    }
    this.queue.charge('byte', first.length)
    first.release()
    this.firsts[flow] = null
    this.merged(frame, flow, payload)
    return true
  }

  /** The segment's payload has been copied: the rest of it is not needed. */
  private merged(frame: Frame, flow: number, payload: number): void {
    this.parts.tally.ssrMerges++
    this.queue.charge('byte', payload)
    frame.release()
    if (this.merges[flow].closed) this.send(flow)
  }

  /** What the flow holds goes out; nothing happens when it holds nothing. */
  private send(flow: number): void {
    const first = this.firsts[flow]
    if (first !== null) {
      this.firsts[flow] = null
      this.held--
      return this.queue.deliver(first)
    }
    const whole = this.merges[flow].finish()
    if (whole === null) return
    this.held--
    this.parts.tally.ssrBursts++
    this.queue.deliver(whole)
  }
}
