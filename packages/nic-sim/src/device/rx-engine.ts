// Stage 7 of a frame's way in: the NIC, and the other fork.
import type { DropReason } from '@netaccel/core'
import type { Frame } from '@netaccel/packet'
import { ETH_HEADER, VLAN_TAG } from '@netaccel/packet'
import type { Poller, Timer } from '@netaccel/xen'
import { REASON_CHECKSUM, REASON_CRC, RX_CHECKSUM_BAD } from '../constants.js'
import type { DeviceParts } from './device-parts.js'
import { RxRun } from './rx-run.js'
import { RxScatter } from './rx-scatter.js'
import { Steering } from './steering.js'
import type { VirtualInterface } from './virtual-interface.js'
import { HOST_VI } from './virtual-interface.js'

export interface RxSettings {
  /** 'wait': hold up the wire until there is a buffer, `pauseNs` at most. 'drop': at once, as the original hardware. */
  readonly overflow: 'wait' | 'drop'
  readonly pauseNs: number
  /** What becomes of a frame for a VI whose checksum is wrong. The driver domain always gets it, as 'none'. */
  readonly badChecksum: 'deliver' | 'discard'
}

/**
 * The other fork. A frame that hits a filter goes into the buffers that the
 * VI has posted; every other one into those of the driver domain's own queue. Frames are taken from the wire in order, one at a time: if the
 * first cannot be placed, the wire fills up behind it and the sender waits (IEEE 802.3 annex 31B). After `pauseNs`
 * without progress the frame is dropped, and its receiver is not waited for again until it has shown new buffers.
 */
export class RxEngine implements Poller {
  readonly name: string
  /** Frames taken from the wire so far, in order, whatever became of them. */
  processed: number
  /** Called after frames were taken, when somebody waits for {@link processed}; null: nobody. */
  onProcessed: (() => void) | null
  /** Set by the device: schedules this engine's poll. */
  onPauseEnd: () => void
  /** The wire was held up, and how often that ended by the watchdog. */
  pauses: number
  pauseTimeouts: number
  private readonly device: DeviceParts
  private readonly settings: RxSettings
  private readonly steering: Steering
  private readonly scatter: RxScatter
  /** The fast lane. */
  private readonly runs: RxRun
  private readonly whenPauseEnds: () => void
  /** What was found of the frame at the head, so that a frame that waits is looked at once. */
  private steered: boolean
  private target: VirtualInterface | null
  private waitingSince: number
  private timer: Timer | null

  constructor(device: DeviceParts, settings: RxSettings) {
    this.name = `${device.name}-rx`
    this.processed = 0
    this.onProcessed = null
    this.onPauseEnd = ignore
    this.pauses = 0
    this.pauseTimeouts = 0
    this.device = device
    this.settings = settings
    this.steering = new Steering(device)
    this.scatter = new RxScatter(device)
    this.runs = new RxRun(device, this.scatter, settings)
    this.whenPauseEnds = () => this.pauseEnded()
    this.steered = false
    this.target = null
    this.waitingSince = -1
    this.timer = null
  }

  poll(budget: number): boolean {
    const { device } = this
    if (!device.running) return false
    device.host?.takeDoorbells()
    for (let id = 0; id < device.viTop; id++) device.vis[id]?.takeDoorbells()
    const lane = device.incoming
    let left = budget
    let frame: Frame | null = null
    while (left > 0 && lane !== null) {
      // A frame that was looked at and waits goes on where it stands.
      const ran = this.steered ? 0 : this.runs.receive(lane, left)
      if (ran > 0) {
        left -= ran
        this.processed += ran
        this.waitingSince = -1
      }
      frame = left > 0 ? lane.peek() : null
      if (frame === null) break
      const corrupt = lane.isCorrupt(frame)
      if (!this.place(frame, corrupt)) return this.taken(budget - left, false)
      lane.consume()
      this.steered = false
      this.waitingSince = -1
      this.processed++
      left--
    }
    return this.taken(budget - left, left === 0)
  }

  /** Filters or VIs have changed: the frame at the head is looked at anew. */
  resteer(): void {
    this.steered = false
    this.runs.forget()
  }

  private taken(frames: number, more: boolean): boolean {
    this.device.meter.frames += frames
    this.device.meter.settle(this.device.engine)
    if (frames > 0 && this.onProcessed !== null) this.onProcessed()
    return more
  }

  /** Puts a frame where it belongs, or drops it. False: it must wait. */
  private place(frame: Frame, corrupt: boolean): boolean {
    if (!this.steered) this.steer(frame, corrupt)
    const vi = this.target
    if (vi === null) return this.toHost(frame, corrupt)
    if (corrupt) return this.toVi(vi, frame, REASON_CRC)
    const discard = (this.steering.flags & RX_CHECKSUM_BAD) !== 0 && this.settings.badChecksum === 'discard'
    return this.toVi(vi, frame, discard ? REASON_CHECKSUM : 0)
  }

  private steer(frame: Frame, corrupt: boolean): void {
    this.steered = true
    this.runs.forget()
    this.target = this.steering.target(frame, corrupt)
  }

  /** The driver domain's: what the port itself refuses does not reach its queue. */
  private toHost(frame: Frame, corrupt: boolean): boolean {
    const { device } = this
    const { host } = device
    if (corrupt) return this.drop(frame, 'wire_corrupt')
    if (frame.length < ETH_HEADER) return this.drop(frame, 'nic_rx_short')
    if (frame.length > device.mtu + ETH_HEADER + (this.steering.tagged ? VLAN_TAG : 0))
      return this.drop(frame, 'nic_rx_too_long')
    return host === null ? this.wait(frame, null) : this.toVi(host, frame, 0)
  }

  private toVi(vi: VirtualInterface, frame: Frame, discard: number): boolean {
    const { statistics, observer } = this.device
    if (this.scatter.lay(vi, frame, this.steering.flags, discard) === 'no-room') return this.wait(frame, vi)
    if (observer !== null) observer.received(frame, vi.id)
    this.count(frame.length)
    if (vi.id === HOST_VI) return true
    statistics.viRxPackets++
    statistics.viRxBytes += frame.length
    return true
  }

  /** Nowhere to put the frame. True: it was dropped; false: it waits. */
  private wait(frame: Frame, vi: VirtualInterface | null): boolean {
    const now = this.device.engine.now()
    if (this.settings.overflow === 'drop') return this.give(frame, vi, 'nic_rx_no_buffer')
    if (vi?.stalled === true) return this.give(frame, vi, 'wire_pause_timeout')
    if (this.waitingSince < 0) {
      this.waitingSince = now
      this.pauses++
    }
    if (now - this.waitingSince >= this.settings.pauseNs) {
      this.pauseTimeouts++
      if (vi !== null) vi.stalled = true
      return this.give(frame, vi, 'wire_pause_timeout')
    }
    // One timer at a time, which looks at the clock when it fires: a pause a frame must not be a timer a frame.
    this.timer ??= this.device.engine.after(
      this.settings.pauseNs - (now - this.waitingSince),
      this.whenPauseEnds,
    )
    return false
  }

  private pauseEnded(): void {
    this.timer = null
    if (this.waitingSince >= 0) this.onPauseEnd()
  }

  /** Drops a frame for want of a buffer: a guest is told by an event, the driver domain's drop is counted here. */
  private give(frame: Frame, vi: VirtualInterface | null, reason: DropReason): boolean {
    if (vi === null || vi.id === HOST_VI) return this.drop(frame, reason)
    vi.missRx(frame.length)
    this.device.statistics.viRxMissedPackets++
    this.device.statistics.viRxMissedBytes += frame.length
    return true
  }

  private drop(frame: Frame, reason: DropReason): true {
    this.device.drops.count(reason, 1, frame.length)
    return true
  }

  private count(bytes: number): void {
    const { statistics } = this.device
    statistics.rxPackets++
    statistics.rxBytes += bytes
  }
}

function ignore(): void {}
