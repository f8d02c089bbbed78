import type { FrontendRun } from '@netaccel/core'
import { ARP_REPLY, type Frame, parseIp, parseMac, writeArp } from '@netaccel/packet'
import type { FastCounters, GuestStack, NetfrontAccelerators, Vif } from '@netaccel/netfront'
import type { Engine } from '@netaccel/xen'
import type { EdgeOracle } from '../check/oracle.js'
import { PathMeter } from '../check/path-meter.js'
import type { DeviceStack, StackDevice } from '../traffic/virtual-stack.js'

const ARP_FRAME = 60
const BROADCAST = parseMac('ff:ff:ff:ff:ff:ff')
const NO_IP = parseIp('0.0.0.0')

/** What entered and left at one guest's device, in wire segments and bytes of whole frames: the ledger's two ends. */
export interface EdgeCount {
  enteredSegments: number
  enteredBytes: number
  leftSegments: number
  leftBytes: number
}

/** Sees each frame at a guest's device: each time the stack offers it, and when the stack is given it. */
export interface EdgeObserver {
  offered(frame: Frame): void
  delivered(frame: Frame): void
}

/**
 * A guest's device as its stack meets it: the edge of the world. Whatever is taken here is noted as entered, whatever
 * is delivered as left, for the ledger and for the oracle; both look only, and own nothing.
 */
export class GuestVif implements StackDevice, GuestStack {
  /** `a.guest1.vif0`: its name in the world, and its edge in the oracle. */
  readonly path: string
  readonly mac: string
  readonly vif: Vif
  readonly engine: Engine
  readonly count: EdgeCount = { enteredSegments: 0, enteredBytes: 0, leftSegments: 0, leftBytes: 0 }
  /** Slow and fast, each way, once it was told to {@link measure}. */
  readonly meter = new PathMeter()
  /** Null: nobody observes. */
  observer: EdgeObserver | null = null
  /** Its guest was destroyed: what stood in the device was lost with it. */
  died = false
  private readonly accelerators: NetfrontAccelerators
  private readonly oracle: EdgeOracle | null
  private upper: DeviceStack | null = null
  /** The device that has taken this one's place, since its guest moved. */
  private successor: GuestVif | null = null
  /** It has been connected before, or another in whose place it comes: there may be neighbours who know of it. */
  private known = false

  /** `before`: the device in whose place this one comes, with its edge and its stack. */
  constructor(
    path: string,
    mac: string,
    vif: Vif,
    accelerators: NetfrontAccelerators,
    oracle: EdgeOracle | null,
    before: GuestVif | null = null,
  ) {
    this.path = path
    this.mac = mac
    this.vif = vif
    this.engine = vif.domain.engine
    this.accelerators = accelerators
    this.oracle = oracle
    if (before === null) oracle?.addEdge(path, mac)
    else this.succeed(before)
    vif.stack = this
  }

  /** From here on each frame is counted by its path. */
  measure(): void {
    for (const queue of this.vif.queues) queue.observer = this.meter
  }

  /** Each queue's counters of the fast path, over all attachments. */
  get fast(): readonly FastCounters[] {
    return this.accelerators.fastCounters(this.vif)
  }

  /** Where this end of the vif stands with its accelerator. */
  get phase(): string {
    return this.accelerators.control(this.vif)?.phase ?? 'none'
  }

  /** Why it does not use the accelerator that it was last offered; undefined while it does, or while it may still. */
  get refusal(): string | undefined {
    const control = this.accelerators.control(this.vif)
    return control?.phase === 'declined' ? control.refusal : undefined
  }

  /** Its attachment to an accelerator; undefined: none. */
  get attachment(): FrontendRun | undefined {
    return this.accelerators.control(this.vif)?.run
  }

  /** Frames lent to an accelerator now, and the leases of its attachment. */
  get leases(): number {
    return this.attachment?.lease.held ?? 0
  }

  /** For code that was given the device only. */
  get device(): StackDevice {
    return this
  }

  get stack(): DeviceStack | null {
    return this.successor === null ? this.upper : this.successor.stack
  }

  /** The stack that receives from now on. Null: what arrives is counted and given back. */
  set stack(stack: DeviceStack | null) {
    if (this.successor === null) this.upper = stack
    else this.successor.stack = stack
  }

  /** An empty frame of the device with room for `length` bytes, or undefined: wait for `wake` or a completion. */
  take(length: number): Frame | undefined {
    return this.successor === null ? this.vif.txPool.take(length) : this.successor.take(length)
  }

  /** As netfront's `transmit`: the first n are the device's. */
  transmit(frames: Frame[], count: number): number {
    if (this.successor !== null) return this.successor.transmit(frames, count)
    if (this.observer !== null) for (let i = 0; i < count; i += 1) this.observer.offered(frames[i])
    const taken = this.vif.transmit(frames, count)
    let segments = 0
    let bytes = 0
    for (let i = 0; i < taken; i += 1) {
      const frame = frames[i]
      segments += frame.segments
      bytes += frame.length
    }
    this.count.enteredSegments += segments
    this.count.enteredBytes += bytes
    if (this.oracle !== null) this.enter(this.oracle, frames, taken)
    return taken
  }

  /** A taken frame leaves in a later step at the earliest, so its bytes are still those that were handed over. */
  private enter(oracle: EdgeOracle, frames: readonly Frame[], taken: number): void {
    for (let i = 0; i < taken; i += 1) oracle.entered(this.path, frames[i])
  }

  private succeed(before: GuestVif): void {
    this.oracle?.moveEdge(before.path, this.path)
    this.upper = before.upper
    before.upper = null
    before.successor = this
    this.upper?.moved?.()
    this.known = true
  }

  /** The device is gone for good: the stack gives back what it has of it. */
  retire(): void {
    this.upper?.moved?.()
    this.upper = null
  }

  /** Netfront's call: the device is connected. One that is new has no neighbours to tell. */
  notifyPeers(): void {
    if (this.known) this.announce()
    this.known = true
  }

  /** A broadcast ARP reply, as netfront's send_fake_arp: bridges and other guests' accelerators learn where we are. */
  private announce(): void {
    const frame = this.take(ARP_FRAME)
    if (frame === undefined) return
    const mac = parseMac(this.mac)
    writeArp(frame, {
      sourceMac: mac,
      destinationMac: BROADCAST,
      operation: ARP_REPLY,
      senderIp: NO_IP,
      targetIp: NO_IP,
    })
    if (this.transmit([frame], 1) === 0) frame.release()
  }

  /** Netfront's call: counted here, then the stack's. (A method, since a closure in an object is 4 ns a frame more.) */
  receive(frame: Frame): void {
    if (this.observer !== null) this.observer.delivered(frame)
    this.count.leftSegments += frame.segments
    this.count.leftBytes += frame.length
    if (this.oracle !== null) this.oracle.left(this.path, frame)
    if (this.upper === null) frame.release()
    else this.upper.receive(frame)
  }

  /** Netfront's call: the device takes frames again. */
  wake(): void {
    if (this.upper !== null) this.upper.wake()
  }
}
