// Stage 5s of a frame's way out and in: the bridge.
import type { DropReason } from '@netaccel/core'
import type { Frame } from '@netaccel/packet'
import { ETH_DESTINATION, ETH_HEADER, ETH_SOURCE, linearise } from '@netaccel/packet'
import { AddressRun } from './address-run.js'
import type { Bridge } from './bridge.js'
import { PortCounters } from './counters.js'
import { UNKNOWN_PORT } from './mac-table.js'

export interface PortOptions {
  readonly name: string
  /** It takes frames with fragments (`Frame.fragments`); to any other port the bridge gives them in one piece. */
  readonly scatter?: boolean
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

/** What is to be done with a frame: one port gets it, all others do, or it is dropped. */
type Way = BridgePort | 'flood' | DropReason

/** One port of the bridge. */
export class BridgePort {
  readonly name: string
  readonly index: number
  readonly counters: PortCounters
  private readonly bridge: Bridge
  private readonly options: PortOptions
  private readonly closed: () => void
  private readonly scatter: boolean
  private open: boolean
  /** A burst of one. */
  private readonly one: Frame[]
  private readonly run: AddressRun

  constructor(bridge: Bridge, index: number, options: PortOptions, closed: () => void) {
    this.bridge = bridge
    this.index = index
    this.name = options.name
    this.options = options
    this.closed = closed
    this.scatter = options.scatter === true
    this.counters = new PortCounters()
    this.open = true
    this.one = []
    this.run = new AddressRun()
  }

  /** A station's frame enters the bridge, which owns it from here and has handed it on when the call returns. */
  receive(frame: Frame): void {
    this.one[0] = frame
    this.receiveBurst(this.one, 1)
  }

  /** The first `count` of `frames` enter as by {@link receive}, in order; the time is read once. */
  receiveBurst(frames: readonly Frame[], count: number): void {
    const { bridge } = this
    bridge.engine.charge('frame', count)
    bridge.engine.stamp(bridge.table.clock, 0)
    if (bridge.observer !== null) {
      for (let i = 0; i < count; i++) bridge.observer.entered(this, frames[i])
    }
    for (let from = 0; from < count;) from = this.forward(frames, from, count)
  }

  /**
   * A frame enters that a station of another port has sent by a switch behind this one: a NIC that its guests drive
   * themselves. The bridge owns it as in {@link receive}; it learns nothing but that the station lives where it knows it,
   * and the frame goes neither back to there nor behind this port again.
   */
  receiveSwitched(frame: Frame): void {
    const { engine, table, observer } = this.bridge
    engine.charge('frame', 1)
    engine.stamp(table.clock, 0)
    if (observer !== null) observer.entered(this, frame)
    this.enter(1, frame.length, frame.segments)
    const refusal = this.refusalOf(frame)
    if (refusal !== null) return this.drop(frame, refusal)
    const { view, offset } = frame
    const high = view.getUint32(offset + ETH_SOURCE)
    const low = view.getUint16(offset + ETH_SOURCE + 4)
    const home = table.lookup(high, low)
    if (home !== UNKNOWN_PORT) table.learn(high, low, home)
    const way = this.wayTo(frame, home)
    if (way === 'flood') this.flood(frame, home)
    else if (typeof way === 'string') this.drop(frame, way)
    else way.deliver(frame)
  }

  /** Take the port out of the bridge and forget the addresses behind it. A second call does nothing. */
  close(): void {
    if (!this.open) return
    this.open = false
    this.closed()
  }

  /**
   * Forward the run that begins at `from`; returns how far it came. A flood ends after its first frame, since whoever gets
   * it may answer within the call, and then the bridge knows better about the next.
   */
  private forward(frames: readonly Frame[], from: number, count: number): number {
    const frame = frames[from]
    const way = this.wayOf(frame)
    if (way === 'flood') {
      this.enter(1, frame.length, frame.segments)
      this.flood(frame, this.index)
      return from + 1
    }
    this.run.measure(frames, from, count)
    const { end, bytes, segments } = this.run
    this.enter(end - from, bytes, segments)
    if (typeof way !== 'string') way.deliverRun(frames, from, end, bytes, segments)
    else for (let i = from; i < end; i++) this.drop(frames[i], way)
    return end
  }

  /** Learns the sender and looks up the destination, as the table's clock stands. */
  private wayOf(frame: Frame): Way {
    const refusal = this.refusalOf(frame)
    if (refusal !== null) return refusal
    const { view, offset } = frame
    const source = offset + ETH_SOURCE
    this.bridge.table.learn(view.getUint32(source), view.getUint16(source + 4), this.index)
    return this.wayTo(frame, this.index)
  }

  /** Why the frame may not pass; null: it may. */
  private refusalOf(frame: Frame): DropReason | null {
    if (!this.open) return 'bridge_port_down'
    if (frame.length < ETH_HEADER) return 'bridge_short'
    const { view, offset } = frame
    const high = view.getUint32(offset + ETH_SOURCE)
    // Neither a group address nor zero can be a sender: Linux br_handle_frame drops both.
    if ((high & 0x01000000) === 0 && (high | view.getUint16(offset + ETH_SOURCE + 4)) !== 0) return null
    return 'bridge_bad_source'
  }

  /** `home`: the port of the sender, where nothing goes back to. */
  private wayTo(frame: Frame, home: number): Way {
    const { ports, table } = this.bridge
    const { view, offset } = frame
    const high = view.getUint32(offset + ETH_DESTINATION)
    if ((high & 0x01000000) !== 0) return 'flood'
    const out = table.lookup(high, view.getUint16(offset + ETH_DESTINATION + 4))
    if (out === UNKNOWN_PORT) return 'flood'
    if (out === this.index || out === home) return 'bridge_same_port'
    return ports[out] ?? 'flood'
  }

  private enter(frames: number, bytes: number, segments: number): void {
    const { counters } = this
    counters.inFrames += frames
    counters.inBytes += bytes
    counters.inSegments += segments
  }

  /** The frames from `from` up to `to`, of so many bytes and segments, leave here. */
  private deliverRun(
    frames: readonly Frame[],
    from: number,
    to: number,
    bytes: number,
    segments: number,
  ): void {
    const { counters, options } = this
    if (options.sendBurst === undefined) {
      for (let i = from; i < to; i++) this.deliver(frames[i])
      return
    }
    counters.outFrames += to - from
    counters.outBytes += bytes
    counters.outSegments += segments
    const { observer } = this.bridge
    if (!this.scatter) for (let i = from; i < to; i++) this.makeLinear(frames[i])
    if (observer !== null) for (let i = from; i < to; i++) observer.left(this, frames[i])
    options.sendBurst(frames, from, to)
  }

  /** For a port that takes no fragments, as Linux does for a device without NETIF_F_SG (validate_xmit_skb). */
  private makeLinear(frame: Frame): void {
    if (frame.fragments === null) return
    this.bridge.engine.charge('byteCopied', frame.fragments.bytes)
    linearise(frame)
  }

  private deliver(frame: Frame): void {
    const counters = this.counters
    counters.outFrames++
    counters.outBytes += frame.length
    counters.outSegments += frame.segments
    if (!this.scatter) this.makeLinear(frame)
    if (this.bridge.observer !== null) this.bridge.observer.left(this, frame)
    this.options.send(frame)
  }

  /** Every port but ours and the sender's gets a reference of the one frame; ours is given up last, so it outlives the loop. */
  private flood(frame: Frame, home: number): void {
    const ports = this.bridge.ports
    let copies = 0
    for (let i = 0; i < ports.length; i++) {
      const port = ports[i]
      if (port === null || port === this || i === home) continue
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

  private drop(frame: Frame, reason: DropReason): void {
    this.counters.dropped.count(reason, frame.segments, frame.length)
    frame.release()
  }
}
