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

  constructor(bridge: Bridge, index: number, options: PortOptions, closed: () => void) {
    this.bridge = bridge
    this.index = index
    this.name = options.name
    this.options = options
    this.closed = closed
    this.counters = new PortCounters()
    this.open = true
  }

  /** A station's frame enters the bridge, which owns it from here and has handed it on when the call returns. */
  receive(frame: Frame): void {
    const counters = this.counters
    counters.inFrames++
    counters.inBytes += frame.length
    counters.inSegments += frame.segments
    const bridge = this.bridge
    bridge.engine.charge('frame', 1)
    if (bridge.observer !== null) bridge.observer.entered(this, frame)
    if (!this.open) return this.drop(frame, 'bridge_port_down')
    if (frame.length < ETH_HEADER) return this.drop(frame, 'bridge_short')
    const view = frame.view
    const at = frame.offset
    bridge.engine.stamp(bridge.table.clock, 0)
    const sourceHigh = view.getUint32(at + ETH_SOURCE)
    const sourceLow = view.getUint16(at + ETH_SOURCE + 4)
    // Neither a group address nor zero can be a sender: Linux br_handle_frame drops both.
    if ((sourceHigh & 0x01000000) !== 0 || (sourceHigh | sourceLow) === 0) {
      return this.drop(frame, 'bridge_bad_source')
    }
    bridge.table.learn(sourceHigh, sourceLow, this.index)
    const high = view.getUint32(at + ETH_DESTINATION)
    if ((high & 0x01000000) !== 0) return this.flood(frame)
    const out = bridge.table.lookup(high, view.getUint16(at + ETH_DESTINATION + 4))
    if (out === UNKNOWN_PORT) return this.flood(frame)
    if (out === this.index) return this.drop(frame, 'bridge_same_port')
    const port = bridge.ports[out] ?? null
    if (port === null) return this.flood(frame)
    return port.deliver(frame)
  }

  /** Take the port out of the bridge and forget the addresses behind it. A second call does nothing. */
  close(): void {
    if (!this.open) return
    this.open = false
    this.closed()
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

  private drop(frame: Frame, reason: DropReason): void {
    this.counters.dropped.count(reason, frame.segments, frame.length)
    frame.release()
  }
}
