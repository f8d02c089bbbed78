// Stage 7 of a frame's way out, the fast lane: a run of plain descriptors goes to the wire in one move.
import type { Frame, View } from '@netaccel/packet'
import { ETH_DESTINATION, ETH_HEADER } from '@netaccel/packet'
import {
  FOUND_SAME,
  FOUND_TRANSPORT,
  MOVE_BYTES,
  MOVE_FILL,
  MOVE_FOUND,
  MOVE_FROM,
  MOVE_LENGTH,
  MOVE_MAC_HIGH,
  MOVE_MAC_LOW,
  MOVE_TO,
} from '@netaccel/xen'
import { LENGTH_MASK, TX_CHECKSUM, TX_CONTINUE, TX_OPTION } from '../constants.js'
import type { ChecksumEngine } from './checksum-engine.js'
import type { DeviceParts } from './device-parts.js'
import type { LocalSwitch } from './local-switch.js'
import type { VirtualInterface } from './virtual-interface.js'
import { HOST_VI } from './virtual-interface.js'
import type { WireLane } from './wire-lane.js'

/** Most frames of one run, and so of one turn of a sender. */
export const RUN = 16
/** Bytes of the list of moves, which lies in machine memory beside the wire's slots. */
export const RUN_LIST_BYTES = RUN * MOVE_BYTES

/** What makes a frame more than one plain descriptor. */
const SPECIAL = TX_CONTINUE | TX_OPTION
const GROUP = 0x100

// The entries of the list as words.
const WORDS = MOVE_BYTES >>> 2
const TO = MOVE_TO >>> 2
const FROM = MOVE_FROM >>> 2
const LENGTH = MOVE_LENGTH >>> 2
const FILL = MOVE_FILL >>> 2
const FOUND = MOVE_FOUND >>> 2
const MAC_LOW = MOVE_MAC_LOW >>> 2
const MAC_HIGH = MOVE_MAC_HIGH >>> 2

/**
 * What nearly all frames are, one descriptor within one page, no longer than the MTU, for the wire: their descriptors are
 * fetched together, one call moves the bytes of all and finds or fills in their checksums, one hand-over puts them on the
 * wire. Whatever is not so ends the run, untouched, and goes frame by frame through {@link TxEngine}, with the same outcome.
 */
export class TxRun {
  private readonly device: DeviceParts
  private readonly local: LocalSwitch
  private readonly checksums: ChecksumEngine
  private readonly slots: (Frame | null)[]
  /** Where the list stands in machine memory; -1: there is none, and so no runs. */
  private list: number

  constructor(device: DeviceParts, local: LocalSwitch, checksums: ChecksumEngine) {
    this.device = device
    this.local = local
    this.checksums = checksums
    this.slots = Array.from({ length: RUN }, () => null)
    this.list = -1
  }

  /** Memory for the list, beside the slots of the wire; null: there is none any more. */
  setList(list: View | null): void {
    this.list = list === null ? -1 : list.offset
  }

  /** Sends at most `most` frames of `vi`. How many; 0: the next must go by itself. */
  send(vi: VirtualInterface, lane: WireLane, most: number): number {
    if (this.list < 0 || vi.txSkip !== 0) return 0
    const count = this.collect(vi, lane, most < RUN ? most : RUN)
    if (count === 0) return 0
    this.device.dma.moveFrames(this.list, count)
    const leaving = vi.id === HOST_VI ? count : this.leaving(count)
    for (let i = count - 1; i >= leaving; i--) this.putBack(lane, i)
    this.launch(vi, lane, leaving)
    return leaving
  }

  /** Fetches descriptors, checks them, and lists the moves into slots of the wire. How many. */
  private collect(vi: VirtualInterface, lane: WireLane, most: number): number {
    const { device, slots } = this
    const { ints } = device.dma.memory
    const { tx, space, id } = vi
    const longest = device.mtu + ETH_HEADER
    const end = vi.txProducer
    let index = vi.txConsumer
    let at = this.list >>> 2
    let count = 0
    for (; count < most && index !== end; count++, at += WORDS) {
      const place = tx.place(index)
      const address = tx.ints[place]
      const word1 = tx.ints[place + 1]
      const length = word1 & LENGTH_MASK
      if ((word1 & SPECIAL) !== 0 || length < ETH_HEADER || length > longest || !tx.inPhase(index, word1))
        break
      const from = space.resolve(id, address, length)
      if (from < 0 || (count === 0 && id !== HOST_VI && this.seemsLocal(from))) break
      const slot = lane.freeSlot()
      if (slot === undefined) break
      slot.length = length
      slots[count] = slot
      ints[at + TO] = slot.offset
      ints[at + FROM] = from
      ints[at + LENGTH] = length
      ints[at + FILL] = word1 & TX_CHECKSUM
      index = (index + 1) >>> 0
    }
    return count
  }

  /** A look ahead, so that a run is not begun for nothing: what decides is the copy's address, in {@link leaving}. */
  private seemsLocal(from: number): boolean {
    const { view } = this.device.dma.memory
    return this.isLocal(view.getUint16(from + ETH_DESTINATION), view.getInt32(from + ETH_DESTINATION + 2))
  }

  private isLocal(high: number, low: number): boolean {
    return (high & GROUP) !== 0 || this.local.addresses.has(high, low)
  }

  /** How many of a guest's frames there are before the first that the switch has to see. */
  private leaving(count: number): number {
    const { ints } = this.device.dma.memory
    let at = this.list >>> 2
    for (let i = 0; i < count; i++, at += WORDS) {
      const found = ints[at + FOUND]
      if (found >= 0 && (found & FOUND_SAME) !== 0) continue
      if (this.isLocal(ints[at + MAC_HIGH], ints[at + MAC_LOW])) return i
    }
    return count
  }

  private putBack(lane: WireLane, i: number): void {
    const slot = this.slots[i]
    this.slots[i] = null
    if (slot !== null) lane.putBack(slot)
  }

  /** Puts the first `count` slots on the wire and counts them. */
  private launch(vi: VirtualInterface, lane: WireLane, count: number): void {
    const { device, slots } = this
    const { ints } = device.dma.memory
    const { observer } = device
    const { quiet } = lane
    let at = this.list >>> 2
    let bytes = 0
    for (let i = 0; i < count; i++, at += WORDS) {
      const slot = slots[i]
      if (slot === null) continue
      slots[i] = null
      const found = ints[at + FOUND]
      slot.checksum = found >= 0 && (found & FOUND_TRANSPORT) !== 0 ? 'verified' : 'none'
      if (found < 0 && ints[at + FILL] !== 0) this.checksums.finish(slot)
      bytes += slot.length
      if (observer !== null) observer.sent(slot, vi.id)
      if (quiet) lane.putRun(slot, found)
      else lane.sendFound(slot, found)
    }
    if (quiet) lane.sentRun(count, bytes)
    this.count(vi, count, bytes)
    vi.completeTx(count)
  }

  private count(vi: VirtualInterface, frames: number, bytes: number): void {
    const { statistics, meter } = this.device
    statistics.txPackets += frames
    statistics.txBytes += bytes
    vi.txFrames += frames
    vi.txSegments += frames
    vi.txBytes += bytes
    if (vi.id !== HOST_VI) {
      statistics.viTxPackets += frames
      statistics.viTxBytes += bytes
    }
    meter.descriptors += frames
    meter.frames += frames
    meter.bytes += bytes
  }
}
