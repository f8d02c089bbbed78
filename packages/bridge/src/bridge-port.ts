// Stage 5s of a frame's way out and in: the bridge.
import type { DropReason } from '@netaccel/core'
import type { Frame } from '@netaccel/packet'
import { ETH_DESTINATION, ETH_HEADER, ETH_SOURCE } from '@netaccel/packet'
import type { Bridge } from './bridge.js'
import { PortCounters } from './counters.js'
import { UNKNOWN_PORT } from './mac-table.js'

export interface PortOptions {
  readonly name: string
  /**
   * A frame leaves the bridge here. The callee owns one reference and releases it. A flooded frame is shared:
   * whoever wants to write it looks at `frame.holders` first, and nobody links it into a queue by `frame.next`.
   */
  send(frame: Frame): void
  /**
   * Optional: many at once, `frames[from]` up to but not including `frames[to]`, each handed over as by {@link send}. They
   * are one sender's for one destination, in order, and not flooded. The array is the caller's: read it before returning.
   */
  sendBurst?(frames: readonly Frame[], from: number, to: number): void
}

/**
 * Where the run that begins at `from` ends: frames whose twelve bytes of addresses are equal are learnt, looked up and
 * handed on as one. A frame too short for addresses is a run of its own.
 */
function runEnd(frames: readonly Frame[], from: number, count: number): number {
  const { view, offset, length } = frames[from]
  let end = from + 1
  if (end === count || length < ETH_HEADER) return end
  const first = view.getInt32(offset, true)
  const second = view.getInt32(offset + 4, true)
  const third = view.getInt32(offset + 8, true)
  for (; end < count; end++) {
    const frame = frames[end]
    const bytes = frame.view
    const at = frame.offset
    if (frame.length < ETH_HEADER || bytes.getInt32(at, true) !== first) return end
    if (bytes.getInt32(at + 4, true) !== second || bytes.getInt32(at + 8, true) !== third) return end
  }
  return end
}

/** One port of the bridge. */
export class BridgePort {
  readonly name: string
  readonly index: number
  readonly counters: PortCounters
  private readonly bridge: Bridge
  private readonly options: PortOptions
  private readonly closed: () => void
  private open: boolean
  /** A burst of one. */
  private readonly one: Frame[]

  constructor(bridge: Bridge, index: number, options: PortOptions, closed: () => void) {
    this.bridge = bridge
    this.index = index
    this.name = options.name
    this.options = options
    this.closed = closed
    this.counters = new PortCounters()
    this.open = true
    this.one = []
  }

  /** A station's frame enters the bridge, which owns it from here and has handed it on when the call returns. */
  receive(frame: Frame): void {
    this.one[0] = frame
    this.receiveBurst(this.one, 1)
  }

  /** The first `count` of `frames` enter as by {@link receive}, in order: time is read and counters are summed once. */
  receiveBurst(frames: readonly Frame[], count: number): void {
    const { bridge, counters } = this
    let bytes = 0
    let segments = 0
    for (let i = 0; i < count; i++) {
      bytes += frames[i].length
      segments += frames[i].segments
    }
    counters.inFrames += count
    counters.inBytes += bytes
    counters.inSegments += segments
    bridge.engine.charge('frame', count)
    bridge.engine.stamp(bridge.table.clock, 0)
    if (bridge.observer !== null) {
      for (let i = 0; i < count; i++) bridge.observer.entered(this, frames[i])
    }
    for (let from = 0; from < count;) from = this.forward(frames, from, runEnd(frames, from, count))
  }

  /** Take the port out of the bridge and forget the addresses behind it. A second call does nothing. */
  close(): void {
    if (!this.open) return
    this.open = false
    this.closed()
  }

  /**
   * Forward the run of frames from `from` up to `to`; returns how far it came. A flood ends after its first frame, since
   * whoever gets it may answer within the call, and then the bridge knows better about the next.
   */
  private forward(frames: readonly Frame[], from: number, to: number): number {
    const frame = frames[from]
    if (!this.open) return this.dropRun(frames, from, to, 'bridge_port_down')
    if (frame.length < ETH_HEADER) return this.dropRun(frames, from, to, 'bridge_short')
    const { ports, table } = this.bridge
    const { view, offset } = frame
    const sourceHigh = view.getUint32(offset + ETH_SOURCE)
    const sourceLow = view.getUint16(offset + ETH_SOURCE + 4)
    // Neither a group address nor zero can be a sender: Linux br_handle_frame drops both.
    if ((sourceHigh & 0x01000000) !== 0 || (sourceHigh | sourceLow) === 0) {
      return this.dropRun(frames, from, to, 'bridge_bad_source')
    }
    table.learn(sourceHigh, sourceLow, this.index)
    const high = view.getUint32(offset + ETH_DESTINATION)
    const group = (high & 0x01000000) !== 0
    const out = group ? UNKNOWN_PORT : table.lookup(high, view.getUint16(offset + ETH_DESTINATION + 4))
    if (out === this.index) return this.dropRun(frames, from, to, 'bridge_same_port')
    const port = out === UNKNOWN_PORT ? null : (ports[out] ?? null)
    if (port !== null) {
      port.deliverRun(frames, from, to)
      return to
    }
    this.flood(frame)
    return from + 1
  }

  private deliverRun(frames: readonly Frame[], from: number, to: number): void {
    const { counters, options } = this
    const { observer } = this.bridge
    if (options.sendBurst === undefined) {
      for (let i = from; i < to; i++) this.deliver(frames[i])
      return
    }
    let bytes = 0
    let segments = 0
    for (let i = from; i < to; i++) {
      const frame = frames[i]
      bytes += frame.length
      segments += frame.segments
      if (observer !== null) observer.left(this, frame)
    }
    counters.outFrames += to - from
    counters.outBytes += bytes
    counters.outSegments += segments
    options.sendBurst(frames, from, to)
  }

  private deliver(frame: Frame): void {
    const counters = this.counters
    counters.outFrames++
    counters.outBytes += frame.length
    counters.outSegments += frame.segments
    if (this.bridge.observer !== null) this.bridge.observer.left(this, frame)
    this.options.send(frame)
  }

  /** Every other port gets a reference of the one frame; ours is given up last, so it outlives the loop. */
  private flood(frame: Frame): void {
    const ports = this.bridge.ports
    let copies = 0
    for (let i = 0; i < ports.length; i++) {
      const port = ports[i]
      if (port === null || port === this) continue
      frame.hold()
      copies++
      port.deliver(frame)
    }
    if (copies === 0) return this.drop(frame, 'bridge_no_port')
    this.counters.flooded++
    this.counters.copiedSegments += (copies - 1) * frame.segments
    this.counters.copiedBytes += (copies - 1) * frame.length
    frame.release()
  }

  private dropRun(frames: readonly Frame[], from: number, to: number, reason: DropReason): number {
    for (let i = from; i < to; i++) this.drop(frames[i], reason)
    return to
  }

  private drop(frame: Frame, reason: DropReason): void {
    this.counters.dropped.count(reason, frame.segments, frame.length)
    frame.release()
  }
}
