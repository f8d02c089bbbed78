// Stage 7 of a frame's way out and in: the switch between the VIs of one NIC (docs/adr/0009).
import { ETH_DESTINATION, ETH_HEADER, Frame, privateArena, VLAN_TAG, wordsOf } from '@netaccel/packet'
import type { Timer } from '@netaccel/xen'
import { REASON_CHECKSUM, RX_CHECKSUM_BAD, RX_SWITCHED } from '../constants.js'
import { AddressTable } from './address-table.js'
import type { DeviceParts } from './device-parts.js'
import type { RxSettings } from './rx-engine.js'
import { RxScatter } from './rx-scatter.js'
import { Steering } from './steering.js'
import type { VirtualInterface } from './virtual-interface.js'
import { HOST_VI } from './virtual-interface.js'

/**
 * Where a frame of a guest's VI goes: to the wire; to this host alone; to both, as all that is addressed to a group; or
 * nowhere, since it is addressed to its sender.
 */
export type Way = 'wire' | 'inside' | 'both' | 'nowhere'

/**
 * Frames of guests' VIs whose destination is on this host never see the wire: they go to the VI that the filters name,
 * or else to the driver domain, whose bridge knows every other guest. What is local is told by the host, never learnt
 * from what guests send. A frame is laid into the receiver's buffers in the sender's own turn, so nothing is in flight
 * here; who must wait is the sender alone, as long as the wire would wait.
 */
export class LocalSwitch {
  readonly addresses: AddressTable
  /** A frame for inside while no slot of the wire is there to hold it. */
  readonly spare: Frame
  /** Some sender waits for its receiver: a receiver's doorbell concerns the sending side too. */
  waits: boolean
  /** Called when a sender need wait no longer. */
  onRoom: () => void
  private readonly device: DeviceParts
  private readonly settings: RxSettings
  private readonly scatter: RxScatter
  private readonly steering: Steering
  /** Since when the VI of a number waits; -1: it does not. */
  private readonly since: Float64Array
  private readonly time: Float64Array
  private timer: Timer | null
  private readonly whenOver: () => void

  constructor(device: DeviceParts, settings: RxSettings, maxMtu: number) {
    const arena = privateArena(maxMtu + ETH_HEADER + VLAN_TAG)
    this.addresses = new AddressTable()
    this.spare = new Frame(wordsOf(arena.bytes), 0, arena.length, 0, null)
    this.waits = false
    this.onRoom = ignore
    this.device = device
    this.settings = settings
    this.scatter = new RxScatter(device)
    this.steering = new Steering(device)
    this.since = new Float64Array(device.vis.length).fill(-1)
    this.time = new Float64Array(1)
    this.timer = null
    this.whenOver = () => this.over()
  }

  /** Where a frame that a guest's VI sends must go. */
  way(frame: Frame, sender: VirtualInterface): Way {
    const { view } = frame
    const at = frame.offset + ETH_DESTINATION
    const high = view.getUint16(at)
    if ((high & 0x100) !== 0) return 'both'
    const low = view.getInt32(at + 2)
    if (!this.addresses.has(high, low)) return 'wire'
    const own = sender.address
    return own !== null && own.low === low && own.high === high ? 'nowhere' : 'inside'
  }

  /** Gives a frame to its receiver on this host; it may be written again afterwards. False: the sender must wait. */
  deliver(frame: Frame, sender: VirtualInterface): boolean {
    const { device, steering, settings } = this
    const receiver = this.receiverOf(frame, sender)
    if (receiver === null) return this.give(frame, sender, null)
    receiver.takeDoorbells()
    const bad = (steering.flags & RX_CHECKSUM_BAD) !== 0 && receiver.id !== HOST_VI
    const reason = bad && settings.badChecksum === 'discard' ? REASON_CHECKSUM : 0
    if (this.scatter.lay(receiver, frame, steering.flags | RX_SWITCHED, reason) === 'no-room')
      return this.wait(frame, sender, receiver)
    this.since[sender.id] = -1
    const { statistics, observer } = device
    if (receiver.id === HOST_VI) {
      statistics.switchHostPackets++
      statistics.switchHostBytes += frame.length
    } else {
      statistics.switchViPackets++
      statistics.switchViBytes += frame.length
    }
    if (observer !== null) observer.received(frame, receiver.id)
    return true
  }

  /** A frame that is addressed to its sender. */
  swallow(bytes: number): void {
    this.device.drops.count('nic_switch_own', 1, bytes)
  }

  /** A VI of this number is new, or the NIC was reset. */
  begin(vi: number): void {
    this.since[vi] = -1
  }

  /**
   * The VI that a filter names, if the frame is addressed to it and not its own; else the driver domain, or null while
   * that has no queue. A filter by IP alone would else draw to itself what is for other guests of the host.
   */
  private receiverOf(frame: Frame, sender: VirtualInterface): VirtualInterface | null {
    const { host } = this.device
    const vi = this.steering.target(frame, false)
    if (vi === null || vi === sender) return host
    return this.isFor(frame, vi) ? vi : host
  }

  private isFor({ view, offset }: Frame, { address }: VirtualInterface): boolean {
    if (address === null) return true
    const at = offset + ETH_DESTINATION
    return view.getUint16(at) === address.high && view.getInt32(at + 2) === address.low
  }

  private wait(frame: Frame, sender: VirtualInterface, receiver: VirtualInterface): boolean {
    const { settings, since, time } = this
    if (settings.overflow === 'drop' || receiver.stalled) return this.give(frame, sender, receiver)
    this.device.engine.stamp(time, 0)
    const now = time[0]
    if (since[sender.id] < 0) since[sender.id] = now
    const left = settings.pauseNs - (now - since[sender.id])
    if (left <= 0) {
      receiver.stalled = true
      return this.give(frame, sender, receiver)
    }
    this.waits = true
    this.timer ??= this.device.engine.after(left, this.whenOver)
    return false
  }

  private over(): void {
    this.timer = null
    this.onRoom()
  }

  /** Drops a frame for want of a buffer: a guest is told by an event, the driver domain's drop is counted. */
  private give(frame: Frame, sender: VirtualInterface, receiver: VirtualInterface | null): true {
    const { statistics, drops } = this.device
    this.since[sender.id] = -1
    if (receiver === null || receiver.id === HOST_VI) {
      drops.count('nic_switch_no_buffer', 1, frame.length)
      return true
    }
    receiver.missRx(frame.length)
    statistics.switchMissedPackets++
    statistics.switchMissedBytes += frame.length
    return true
  }
}

function ignore(): void {}
