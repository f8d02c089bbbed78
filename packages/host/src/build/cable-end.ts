// Stage 7 of a frame's way out and in, for hardware that a plugin brings: the socket of its cable.
import { DropCounters, type HardwareWire } from '@netaccel/core'
import type { WireLane, WireSocket } from '@netaccel/nic-sim'
import { copyBytes, ETH_HEADER, type Frame, FrameRing, VLAN_TAG } from '@netaccel/packet'
import type { Engine, PollHandle, Poller } from '@netaccel/xen'

/** Frames that wait for the wire at most. */
const DEPTH = 64

/** Frames and bytes that passed the socket. */
export interface CableCount {
  txPackets: number
  txBytes: number
  rxPackets: number
  rxBytes: number
}

/**
 * Where a wire is plugged into hardware that a plugin brings. It copies each frame into a slot of the wire and offers
 * each that arrives, on the NIC's engine, and counts both; it holds up the wire while the hardware has no buffer, and
 * the hardware while the wire has no slot, so that nothing is lost between them (docs/adr/0007).
 */
export class CableEnd implements WireSocket, HardwareWire, Poller {
  readonly name: string
  readonly engine: Engine
  readonly maxMtu: number
  readonly count: CableCount = { txPackets: 0, txBytes: 0, rxPackets: 0, rxBytes: 0 }
  readonly drops = new DropCounters()
  /** A frame has left or was dropped: there is room in the queue. */
  onRoom: (() => void) | null = null
  link = false
  readonly #poll: PollHandle
  readonly #queued = new FrameRing(DEPTH)
  #out: WireLane | null = null
  #in: WireLane | null = null
  #sent: (frame: Frame) => void = release
  #arrived: (frame: Frame) => 'taken' | 'full' = () => 'full'
  #linkChanged: ((up: boolean) => void) | null = null
  #closed = false

  constructor(name: string, engine: Engine, maxMtu: number) {
    this.name = name
    this.engine = engine
    this.maxMtu = maxMtu
    this.#poll = engine.addPoller(this)
  }

  // --- the cable

  plugged(out: WireLane, incoming: WireLane): void {
    this.#out = out
    this.#in = incoming
    out.onRoom = () => this.#poll.schedule()
    incoming.onArrival = () => this.#poll.schedule()
    this.carrier(true)
  }

  unplugged(): void {
    this.carrier(false)
    this.#out = null
    this.#in = null
  }

  carrier(up: boolean): void {
    if (this.link === up) return
    this.link = up
    this.#linkChanged?.(up)
    this.#poll.schedule()
  }

  // --- the hardware

  onLink(changed: (up: boolean) => void): void {
    this.#linkChanged = changed
  }

  send(frame: Frame): 'taken' | 'full' {
    if (this.#queued.count >= DEPTH || this.#closed) return 'full'
    this.#queued.push(frame)
    this.#poll.schedule()
    return 'taken'
  }

  onSent(sent: (frame: Frame) => void): void {
    this.#sent = sent
  }

  onFrame(arrived: (frame: Frame) => 'taken' | 'full'): void {
    this.#arrived = arrived
    this.#poll.schedule()
  }

  ready(): void {
    this.#poll.schedule()
  }

  // --- both

  /** Frames that the hardware has handed over and that have not left. */
  get standing(): number {
    return this.#queued.count
  }

  poll(budget: number): boolean {
    const sent = this.#sendQueued(budget)
    const taken = this.#takeArrived(budget)
    if (sent + taken > 0) this.engine.charge('frame', sent + taken)
    if (sent > 0) this.onRoom?.()
    return sent === budget || taken === budget
  }

  /** What waits is dropped and given back; nothing is taken or offered any more. */
  close(): void {
    this.#closed = true
    this.#poll.remove()
    for (let frame = this.#queued.shift(); frame !== undefined; frame = this.#queued.shift()) {
      this.drops.count('nic_tx_closed', frame.segments, frame.length)
      this.#sent(frame)
    }
    this.#sent = release
    this.#arrived = () => 'full'
    this.#linkChanged = null
  }

  #sendQueued(budget: number): number {
    let done = 0
    for (; done < budget; done++) {
      const frame = this.#queued.peek()
      if (frame === null || !this.#leave(frame)) break
      this.#queued.shift()
      this.#sent(frame)
    }
    return done
  }

  /** True: it has left, or was dropped. False: the wire has no slot. */
  #leave(frame: Frame): boolean {
    const out = this.link ? this.#out : null
    if (out === null) return this.#drop(frame, 'nic_tx_link_down')
    if (frame.length < ETH_HEADER || frame.length > this.maxMtu + ETH_HEADER + VLAN_TAG)
      return this.#drop(frame, frame.length < ETH_HEADER ? 'nic_tx_bad_descriptor' : 'nic_tx_too_long')
    const slot = out.slot()
    if (slot === undefined) return false
    copyBytes(slot.words, slot.offset, frame.words, frame.offset, frame.length)
    slot.describeAs(frame)
    slot.length = frame.length
    slot.checksum = 'none'
    slot.gsoSize = 0
    this.engine.charge('byteDma', frame.length)
    this.count.txPackets++
    this.count.txBytes += frame.length
    out.send(slot)
    return true
  }

  #takeArrived(budget: number): number {
    const lane = this.#in
    let done = 0
    for (; lane !== null && done < budget; done++) {
      const frame = lane.peek()
      if (frame === null) break
      if (lane.isCorrupt(frame)) this.#drop(frame, 'wire_corrupt')
      else if (this.#arrived(frame) === 'full') break
      else {
        this.engine.charge('byteDma', frame.length)
        this.count.rxPackets++
        this.count.rxBytes += frame.length
      }
      lane.consume()
    }
    return done
  }

  #drop(
    frame: Frame,
    reason: 'nic_tx_link_down' | 'nic_tx_bad_descriptor' | 'nic_tx_too_long' | 'wire_corrupt',
  ): true {
    this.drops.count(reason, frame.segments, frame.length)
    return true
  }
}

function release(frame: Frame): void {
  frame.release()
}
