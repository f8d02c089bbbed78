// Stage 7 of a frame's way out: the NIC cuts, sums and sends.
import type { DropReason } from '@netaccel/core'
import type { Frame } from '@netaccel/packet'
import { copyBytes, ETH_HEADER, PacketInfo, VLAN_TAG } from '@netaccel/packet'
import type { Poller } from '@netaccel/xen'
import { REASON_LINK, REASON_MALFORMED, REASON_OVERSIZE } from '../constants.js'
import { finishBlank, finishChecksum } from './checksum-engine.js'
import { Cutter } from './cutter.js'
import type { DeviceParts } from './device-parts.js'
import { longestFrame } from './frame-limit.js'
import { TxChain } from './tx-chain.js'
import type { VirtualInterface } from './virtual-interface.js'
import { TX_EVENT_RESERVE } from './virtual-interface.js'

/** Frames or segments of one sender before the next has its turn. */
const QUANTUM = 16

/**
 * The driver domain's queue and the VIs take turns; each frame is copied into
 * a slot of the wire, cut into segments and given its checksum there, by the same code for both. Per queue the order
 * is kept; a frame has left when the wire has taken its last segment.
 *
 * At most `budget` frames or segments a step. When the wire has no slot the engine stops where it is, in the middle
 * of a frame too, until the wire calls.
 */
export class TxEngine implements Poller {
  readonly name: string
  /** Called when a VI's frame that was leaving in pieces has left. */
  onViIdle: (vi: VirtualInterface) => void
  private readonly device: DeviceParts
  private readonly chain: TxChain
  private readonly info: PacketInfo
  private readonly cutter: Cutter
  private turn: number
  private left: number
  private blocked: boolean

  constructor(device: DeviceParts) {
    this.name = `${device.name}-tx`
    this.onViIdle = ignore
    this.device = device
    this.chain = new TxChain()
    this.info = new PacketInfo()
    this.cutter = new Cutter()
    this.turn = 0
    this.left = 0
    this.blocked = false
  }

  poll(budget: number): boolean {
    const { device } = this
    if (!device.running) return false
    this.left = budget
    this.blocked = false
    if (this.cutter.active) this.cut()
    const turns = device.viTop + 1
    if (this.turn >= turns) this.turn = 0
    for (let idle = 0; idle < turns && this.left > 0 && !this.blocked;) {
      const before = this.left
      if (this.turn === 0) this.sendQueued()
      else this.sendVi(device.vis[this.turn - 1])
      idle = this.left === before ? idle + 1 : 0
      this.turn = (this.turn + 1) % turns
    }
    device.meter.settle(device.engine)
    return this.left <= 0 && !this.blocked
  }

  /** True while a frame that was fetched from this VI is still leaving. */
  busyWith(vi: VirtualInterface): boolean {
    return this.cutter.vi === vi
  }

  /** Gives up the rest of a VI's frame that is still leaving; nothing tells the guest. */
  abandon(vi: VirtualInterface, reason: DropReason): void {
    if (this.cutter.vi !== vi) return
    for (; this.cutter.left > 0; this.cutter.next++)
      this.device.drops.count(reason, 1, this.cutter.segmenter.lengthOf(this.cutter.next))
    this.cutter.end()
  }

  /** Gives up a frame of the driver that is being cut: it goes to `sent`, what has not left of it is counted. */
  abandonFrame(): void {
    const { frame } = this.cutter
    if (frame === null) return
    for (; this.cutter.left > 0; this.cutter.next++)
      this.device.drops.count('nic_tx_closed', 1, this.cutter.segmenter.lengthOf(this.cutter.next))
    this.cutter.end()
    this.device.host.sent.push(frame)
  }

  private sendQueued(): void {
    const { queued } = this.device.host
    const stop = Math.max(0, this.left - QUANTUM)
    while (this.left > stop && !this.blocked) {
      const frame = queued.peek()
      if (frame === null) return
      this.device.meter.descriptors++
      if (frame.gsoSize > 0 && this.device.link) {
        queued.shift()
        this.left--
        this.startCut(frame)
      } else if (this.sendWhole(frame)) {
        queued.shift()
        this.left--
        this.gone(frame)
      }
    }
  }

  /** One frame of the driver that is not to be cut. False: the wire has no slot. */
  private sendWhole(frame: Frame): boolean {
    const lane = this.device.out
    if (lane === null || !this.device.link) return this.drop(frame, 'nic_tx_link_down')
    if (frame.length < ETH_HEADER) return this.drop(frame, 'nic_tx_bad_descriptor')
    if (frame.length > longestFrame(frame, this.device.mtu)) return this.drop(frame, 'nic_tx_too_long')
    const slot = lane.slot()
    if (slot === undefined) return this.block()
    copyBytes(slot.words, slot.offset, frame.words, frame.offset, frame.length)
    slot.describeAs(frame)
    slot.length = frame.length
    if (slot.checksum === 'verified') slot.checksum = 'none'
    if (slot.checksum === 'blank' && !finishBlank(slot, this.info)) {
      lane.putBack(slot)
      return this.drop(frame, 'nic_tx_bad_descriptor')
    }
    this.send(slot, null)
    return true
  }

  private startCut(frame: Frame): void {
    const outcome = this.cutter.beginFrame(frame, this.device.mtu)
    if (outcome === 'begun') {
      this.cut()
      return
    }
    this.cutter.end()
    this.drop(frame, outcome === 'oversize' ? 'nic_tx_too_long' : 'nic_tx_bad_descriptor')
    this.gone(frame)
  }

  private sendVi(vi: VirtualInterface | null): void {
    if (vi === null || vi.state !== 'live') return
    vi.takeDoorbells()
    const stop = Math.max(0, this.left - QUANTUM)
    while (this.left > stop && !this.blocked && !this.cutter.active && vi.eventRoom >= TX_EVENT_RESERVE) {
      const found = this.chain.read(vi, this.device.buffers)
      if (found === 'none') break
      this.device.meter.descriptors += this.chain.descriptors
      if (found === 'bad') this.discard(vi, this.chain.reason)
      else if (!this.device.link || this.device.out === null) this.discard(vi, REASON_LINK)
      else if (this.chain.mss > 0) this.startViCut(vi)
      else this.sendViWhole(vi)
    }
    vi.flushTx()
  }

  private sendViWhole(vi: VirtualInterface): void {
    const { chain } = this
    const lane = this.device.out
    if (lane === null) return
    if (chain.bytes < ETH_HEADER) return this.discard(vi, REASON_MALFORMED)
    if (chain.bytes > this.device.mtu + ETH_HEADER + VLAN_TAG) return this.discard(vi, REASON_OVERSIZE)
    const slot = lane.slot()
    if (slot === undefined) {
      this.block()
      return
    }
    chain.gather(this.device.buffers, slot.words, slot.offset)
    slot.length = chain.bytes
    if (slot.length > longestFrame(slot, this.device.mtu)) {
      lane.putBack(slot)
      return this.discard(vi, REASON_OVERSIZE)
    }
    if (chain.checksum) finishChecksum(slot, this.info)
    this.left--
    vi.txFrames++
    this.send(slot, vi)
    vi.completeTx(chain.descriptors)
  }

  private startViCut(vi: VirtualInterface): void {
    const { chain, cutter } = this
    const outcome = cutter.beginVi(vi, chain, this.device.buffers, this.device.mtu)
    this.device.meter.bytes += chain.bytes
    if (outcome !== 'begun') {
      cutter.end()
      return this.discard(vi, outcome === 'oversize' ? REASON_OVERSIZE : REASON_MALFORMED)
    }
    vi.flushTx()
    this.cut()
  }

  /** Sends segments of the frame being cut while there is budget and room. */
  private cut(): void {
    const { cutter } = this
    while (cutter.left > 0) {
      if (this.left <= 0) return
      const lane = this.device.link ? this.device.out : null
      const slot = lane === null ? null : lane.slot()
      if (slot === undefined) {
        this.block()
        return
      }
      if (slot === null)
        this.device.drops.count('nic_tx_link_down', 1, cutter.segmenter.lengthOf(cutter.next))
      else {
        cutter.segmenter.write(cutter.next, slot)
        slot.checksum = 'verified'
        this.send(slot, cutter.vi)
      }
      cutter.next++
      this.left--
    }
    this.finishCut()
  }

  private finishCut(): void {
    const { frame, vi, descriptors } = this.cutter
    this.cutter.end()
    if (frame !== null) this.gone(frame)
    if (vi === null) return
    vi.txFrames++
    vi.completeTx(descriptors)
    vi.flushTx()
    this.onViIdle(vi)
  }

  /** A filled slot goes to the wire. */
  private send(slot: Frame, vi: VirtualInterface | null): void {
    const { statistics, meter, out, observer } = this.device
    statistics.txPackets++
    statistics.txBytes += slot.length
    if (vi !== null) {
      statistics.viTxPackets++
      statistics.viTxBytes += slot.length
      vi.txSegments++
      vi.txBytes += slot.length
    }
    meter.frames++
    meter.bytes += slot.length
    if (observer !== null) observer.sent(slot, vi === null ? -1 : vi.id)
    out?.send(slot)
  }

  private discard(vi: VirtualInterface, reason: number): void {
    this.left--
    vi.discardTx(this.chain.descriptors, reason)
  }

  /** The driver's frame has left, or never will. */
  private gone(frame: Frame): void {
    const { host } = this.device
    host.sent.push(frame)
    host.onWork()
  }

  private drop(frame: Frame, reason: DropReason): true {
    this.device.drops.count(reason, frame.segments, frame.length)
    return true
  }

  private block(): false {
    this.blocked = true
    return false
  }
}

function ignore(): void {}
