// Stage 7 of a frame's way in, the fast lane: a run of frames of which the wire already says what they are.
import type { Frame } from '@netaccel/packet'
import { ETH_HEADER, plainIsTcp } from '@netaccel/packet'
import { FOUND_HEADER, FOUND_SAME, FOUND_TRANSPORT } from '@netaccel/xen'
import { RX_CHECKSUM_BAD, RX_CHECKSUM_OK, RX_TCP, RX_UDP } from '../constants.js'
import type { DeviceParts } from './device-parts.js'
import type { RxSettings } from './rx-engine.js'
import type { RxScatter } from './rx-scatter.js'
import type { VirtualInterface } from './virtual-interface.js'
import { HOST_VI } from './virtual-interface.js'
import type { WireLane } from './wire-lane.js'

const RIGHT = FOUND_HEADER | FOUND_TRANSPORT

/**
 * Plain frames whose checksums were looked at while they were put on the wire, each with room in one posted buffer of its
 * receiver: nothing is parsed or summed again, and a frame of the flow of the one before goes where that went. The first
 * frame that is not so ends the run, untouched, and goes through {@link RxEngine}, with the same outcome.
 */
export class RxRun {
  private readonly device: DeviceParts
  private readonly scatter: RxScatter
  private readonly settings: RxSettings
  /** The filter that the frame before hit, below 0: none; and whose it is. `known` false: ask anew. */
  private known: boolean
  private slot: number
  private target: VirtualInterface | null

  constructor(device: DeviceParts, scatter: RxScatter, settings: RxSettings) {
    this.device = device
    this.scatter = scatter
    this.settings = settings
    this.known = false
    this.slot = -1
    this.target = null
  }

  /** Filters or VIs have changed, or a frame has gone another way. */
  forget(): void {
    this.known = false
  }

  /** Receives at most `most` frames. How many. */
  receive(lane: WireLane, most: number): number {
    const { statistics } = this.device
    let count = 0
    let bytes = 0
    for (; count < most; count++) {
      const frame = lane.peek()
      if (frame === null) break
      const found = lane.finding(frame)
      if (found < 0 || !this.lay(frame, found)) break
      bytes += frame.length
      lane.consume()
    }
    statistics.rxPackets += count
    statistics.rxBytes += bytes
    return count
  }

  /** False: the frame has to go by itself. */
  private lay(frame: Frame, found: number): boolean {
    const { device } = this
    const isTcp = plainIsTcp(found)
    if (!this.known || (found & FOUND_SAME) === 0) this.steer(frame, isTcp)
    const vi = this.target ?? device.host
    if (vi === null) return false
    const right = (found & RIGHT) === RIGHT
    const guest = vi.id !== HOST_VI
    if (guest ? !right && this.settings.badChecksum === 'discard' : frame.length > device.mtu + ETH_HEADER)
      return false
    const flags = (isTcp ? RX_TCP : RX_UDP) | (right ? RX_CHECKSUM_OK : RX_CHECKSUM_BAD)
    if (!this.scatter.layOne(vi, frame, flags)) return false
    if (this.slot >= 0) device.filters.hit(this.slot)
    if (device.observer !== null) device.observer.received(frame, vi.id)
    if (guest) {
      const { statistics } = device
      statistics.viRxPackets++
      statistics.viRxBytes += frame.length
    }
    return true
  }

  private steer(frame: Frame, isTcp: boolean): void {
    const { filters, vis } = this.device
    const slot = filters.findPlain(frame, isTcp)
    const vi = slot < 0 ? null : vis[filters.vi(slot)]
    this.slot = slot
    this.target = vi !== null && vi.state === 'live' ? vi : null
    this.known = true
  }
}
