// Stage 7 of a frame's way out: the NIC cuts, sums and sends.
import type { DropReason } from '@netaccel/core'
import type { Frame } from '@netaccel/packet'
import { ETH_HEADER, VLAN_TAG } from '@netaccel/packet'
import type { Poller } from '@netaccel/xen'
import { REASON_LINK, REASON_MALFORMED, REASON_OVERSIZE } from '../constants.js'
import { ChecksumEngine } from './checksum-engine.js'
import { Cutter } from './cutter.js'
import type { DeviceParts } from './device-parts.js'
import { longestFrame } from './frame-limit.js'
import type { LocalSwitch } from './local-switch.js'
import { TxChain } from './tx-chain.js'
import { RUN, TxRun } from './tx-run.js'
import type { VirtualInterface } from './virtual-interface.js'
import { HOST_VI, TX_EVENT_RESERVE } from './virtual-interface.js'
import type { WireLane } from './wire-lane.js'

/** Frames or segments of one sender before the next has its turn. */
const QUANTUM = RUN

/**
 * The driver domain's queue and the VIs of guests take turns; each frame is copied into
 * a slot of the wire, cut into segments and given its checksum there, by the same code for all. Per queue the order
 * is kept; a frame has left when the wire has taken its last segment.
 *
 * At most `budget` frames or segments a step. When the wire has no slot the engine stops where it is, in the middle
 * of a frame too, until the wire calls.
 */
export class TxEngine implements Poller {
  readonly name: string
  /** Called when a VI's frame that was leaving in pieces has left. */
  onViIdle: (vi: VirtualInterface) => void
  /** The fast lane. */
  readonly runs: TxRun
  private readonly device: DeviceParts
  private readonly chain: TxChain
  private readonly checksums: ChecksumEngine
  private readonly local: LocalSwitch
  /** For the wire. While it is busy nobody else sends. */
  private cutter: Cutter
  /** For receivers on this host: it may have to wait for one without holding up others. */
  private inner: Cutter
  private turn: number
  private left: number
  private blocked: boolean

  constructor(device: DeviceParts, local: LocalSwitch) {
    this.name = `${device.name}-tx`
    this.onViIdle = ignore
    this.device = device
    this.chain = new TxChain()
    this.checksums = new ChecksumEngine(device.dma)
    this.runs = new TxRun(device, local, this.checksums)
    this.local = local
    this.cutter = new Cutter()
    this.inner = new Cutter()
    this.turn = 0
    this.left = 0
    this.blocked = false
  }

  poll(budget: number): boolean {
    const { device } = this
    if (!device.running) return false
    this.left = budget
    this.blocked = false
    this.local.waits = false
    if (this.inner.vi !== null) this.resumeInside(this.inner.vi)
    if (this.cutter.vi !== null) this.resumeCut(this.cutter.vi)
    const turns = device.viTop + 1
    if (this.turn >= turns) this.turn = 0
    for (let idle = 0; idle < turns && this.left > 0 && !this.blocked;) {
      const before = this.left
      this.sendVi(this.turn === 0 ? device.host : device.vis[this.turn - 1])
      idle = this.left === before ? idle + 1 : 0
      this.turn = (this.turn + 1) % turns
    }
    device.meter.settle(device.engine)
    return this.left <= 0 && !this.blocked
  }

  /** True while a frame that was fetched from this VI is still leaving. */
  busyWith(vi: VirtualInterface): boolean {
    return this.cutter.vi === vi || this.inner.vi === vi
  }

  /** Gives up the rest of a frame that is still leaving. Nothing tells a guest; the driver's frame has left, in part. */
  abandon(vi: VirtualInterface, reason: DropReason): void {
    const cutter = this.inner.vi === vi ? this.inner : this.cutter
    if (cutter.vi !== vi) return
    this.dropRest(cutter, reason)
    const { descriptors } = cutter.chain
    cutter.end()
    if (vi.id !== HOST_VI) return
    vi.completeTx(descriptors)
    vi.flushTx()
  }

  private sendVi(vi: VirtualInterface | null): void {
    if (vi === null || vi.state !== 'live' || this.inner.vi === vi) return
    vi.takeDoorbells()
    const stop = Math.max(0, this.left - QUANTUM)
    const police = vi.id === HOST_VI ? null : this.device.police
    const lane = police === null && this.device.link ? this.device.out : null
    while (this.left > stop && !this.blocked && !this.cutter.active && vi.eventRoom >= TX_EVENT_RESERVE) {
      const ran = lane === null ? 0 : this.runs.send(vi, lane, this.left - stop)
      this.left -= ran
      if (ran > 0) continue
      if (police !== null && !police.mayFetch(vi.id)) break
      const found = this.chain.read(vi)
      if (found === 'none') break
      this.device.meter.descriptors += this.chain.descriptors
      if (found === 'bad') this.discard(vi, this.chain.reason)
      else if (!(this.chain.mss > 0 ? this.startCut(vi) : this.sendWhole(vi))) break
      else if (police !== null) police.spend(vi.id, this.chain.bytes)
    }
    vi.flushTx()
  }

  /** False: it must wait, for the wire or for its receiver on this host. */
  private sendWhole(vi: VirtualInterface): boolean {
    const { chain, device } = this
    const lane = device.link ? device.out : null
    if (lane === null && vi.id === HOST_VI) return this.discard(vi, REASON_LINK)
    if (chain.bytes < ETH_HEADER) return this.discard(vi, REASON_MALFORMED)
    if (chain.bytes > device.mtu + ETH_HEADER + VLAN_TAG) return this.discard(vi, REASON_OVERSIZE)
    const slot = lane === null ? this.local.spare : lane.slot()
    if (slot === undefined) return this.block()
    chain.gather(device.dma, vi, slot.words, slot.offset)
    slot.length = chain.bytes
    slot.checksum = 'none'
    const outcome = this.dispatch(vi, slot, lane)
    if (lane !== null && outcome !== 'sent') lane.putBack(slot)
    return outcome !== 'waits'
  }

  /** 'sent': the wire has the slot. 'kept': the frame is done with, its slot is not taken. 'waits': it is not done. */
  private dispatch(vi: VirtualInterface, slot: Frame, lane: WireLane | null): 'sent' | 'kept' | 'waits' {
    const { device, local, chain } = this
    const guest = vi.id !== HOST_VI
    if (slot.length > longestFrame(slot, device.mtu)) {
      this.discard(vi, REASON_OVERSIZE)
      return 'kept'
    }
    if (guest && device.police !== null && !device.police.isOwn(vi, slot)) {
      device.drops.count('nic_vi_spoofed', 1, slot.length)
      this.swallow(vi)
      return 'kept'
    }
    if (chain.checksum) this.checksums.finish(slot)
    const way = guest ? local.way(slot, vi) : 'wire'
    if (way === 'wire' && lane === null) {
      this.discard(vi, REASON_LINK)
      return 'kept'
    }
    if (way === 'nowhere') local.swallow(slot.length)
    else if (way !== 'wire' && !local.deliver(slot, vi)) return 'waits'
    this.left--
    vi.txFrames++
    if (way !== 'wire') this.switched(slot.length)
    const leaves = lane !== null && (way === 'wire' || way === 'both')
    if (leaves) this.send(slot, vi)
    else this.stay(slot, vi)
    vi.completeTx(chain.descriptors)
    return leaves ? 'sent' : 'kept'
  }

  /** False: it must wait for another frame that is being cut for a receiver on this host. */
  private startCut(vi: VirtualInterface): boolean {
    const { chain, cutter, device, local } = this
    const lane = device.link ? device.out : null
    if (lane === null && vi.id === HOST_VI) return this.discard(vi, REASON_LINK)
    const outcome = cutter.begin(vi, chain, device.dma, device.mtu)
    if (outcome !== 'begun')
      return this.endCut(vi, outcome === 'oversize' ? REASON_OVERSIZE : REASON_MALFORMED)
    const guest = vi.id !== HOST_VI
    if (guest && device.police !== null && !device.police.isOwn(vi, cutter.staging)) {
      this.dropRest(cutter, 'nic_vi_spoofed')
      cutter.end()
      this.swallow(vi)
      return true
    }
    const way = guest ? local.way(cutter.staging, vi) : 'wire'
    // TCP knows no groups, and nobody sends itself what has to be cut.
    if (way === 'both' || way === 'nowhere') return this.endCut(vi, REASON_MALFORMED)
    if (way === 'wire' && lane === null) return this.endCut(vi, REASON_LINK)
    if (way === 'inside' && this.inner.active) {
      cutter.end()
      return false
    }
    vi.flushTx()
    if (way === 'wire') this.cut()
    else {
      this.cutter = this.inner
      this.inner = cutter
      this.cutInside(vi)
    }
    return true
  }

  private endCut(vi: VirtualInterface, reason: number): true {
    this.cutter.end()
    return this.discard(vi, reason)
  }

  /** What has not left of a frame that is being cut never will. */
  private dropRest(cutter: Cutter, reason: DropReason): void {
    for (; cutter.left > 0; cutter.next++) this.dropSegment(cutter, reason)
  }

  /** The segment that is next is not sent. */
  private dropSegment({ vi, segmenter, next }: Cutter, reason: DropReason): void {
    const { drops, statistics } = this.device
    const length = segmenter.lengthOf(next)
    drops.count(reason, 1, length)
    // What policing drops has a name of its own.
    if (vi === null || vi.id === HOST_VI || reason === 'nic_vi_spoofed') return
    statistics.viTxDroppedPackets++
    statistics.viTxDroppedBytes += length
  }

  /** The frame goes nowhere, and its sender is not told so. */
  private swallow(vi: VirtualInterface): void {
    this.left--
    vi.completeTx(this.chain.descriptors)
  }

  /**
   * Goes on with a frame that had to stop. Its pages may have been unregistered meanwhile: then the rest of it is
   * dropped here, and it is told as one that has left, since a part has.
   */
  private resumeCut(vi: VirtualInterface): void {
    const { cutter } = this
    if (!cutter.chain.stillOwned(vi)) this.dropRest(cutter, 'nic_tx_rights')
    this.cut()
  }

  /** The same for one that stays on this host. */
  private resumeInside(vi: VirtualInterface): void {
    if (!this.inner.chain.stillOwned(vi)) this.dropRest(this.inner, 'nic_tx_rights')
    this.cutInside(vi)
  }

  /** One segment into a slot: headers that are the NIC's own, payload from where it lies. */
  private fill(slot: Frame, vi: VirtualInterface, { segmenter, chain, next }: Cutter): void {
    segmenter.writeHeaders(next, slot)
    const headers = segmenter.headerLength
    const at = segmenter.payloadAt(next)
    chain.fetch(this.device.dma, vi, at, slot.length - headers, slot.words, slot.offset + headers)
    this.checksums.finishSegment(slot)
  }

  /** Sends segments of the frame being cut while there is budget and room. */
  private cut(): void {
    const { cutter } = this
    const { vi } = cutter
    if (vi === null) return
    while (cutter.left > 0) {
      if (this.left <= 0) return
      const lane = this.device.link ? this.device.out : null
      const slot = lane === null ? null : lane.slot()
      if (slot === undefined) {
        this.block()
        return
      }
      if (slot === null) this.dropSegment(cutter, 'nic_tx_link_down')
      else {
        this.fill(slot, vi, cutter)
        this.send(slot, vi)
      }
      cutter.next++
      this.left--
    }
    this.finishCut(vi, cutter)
  }

  /** Gives segments to their receiver on this host while there is budget and room; nobody else waits for that. */
  private cutInside(vi: VirtualInterface): void {
    const { inner, local } = this
    const { spare } = local
    while (inner.left > 0) {
      if (this.left <= 0) return
      this.fill(spare, vi, inner)
      if (!local.deliver(spare, vi)) return
      this.switched(spare.length)
      this.stay(spare, vi)
      inner.next++
      this.left--
    }
    this.finishCut(vi, inner)
  }

  private finishCut(vi: VirtualInterface, cutter: Cutter): void {
    const { descriptors } = cutter.chain
    cutter.end()
    vi.txFrames++
    vi.completeTx(descriptors)
    vi.flushTx()
    this.onViIdle(vi)
  }

  /** A filled slot goes to the wire. */
  private send(slot: Frame, vi: VirtualInterface): void {
    const { statistics, meter, out, observer } = this.device
    statistics.txPackets++
    statistics.txBytes += slot.length
    vi.txSegments++
    vi.txBytes += slot.length
    if (vi.id !== HOST_VI) {
      statistics.viTxPackets++
      statistics.viTxBytes += slot.length
    }
    meter.frames++
    meter.bytes += slot.length
    if (observer !== null) observer.sent(slot, vi.id)
    out?.send(slot)
  }

  /** The switch has taken a frame, whatever became of it: its own counters say that. */
  private switched(bytes: number): void {
    this.device.statistics.switchInPackets++
    this.device.statistics.switchInBytes += bytes
  }

  /** A frame of a guest that stays on this host. */
  private stay(frame: Frame, vi: VirtualInterface): void {
    const { statistics, meter, observer } = this.device
    const { length } = frame
    statistics.viTxPackets++
    statistics.viTxBytes += length
    statistics.viTxLocalPackets++
    statistics.viTxLocalBytes += length
    vi.txSegments++
    vi.txBytes += length
    meter.frames++
    meter.bytes += length
    if (observer !== null) observer.sent(frame, vi.id)
  }

  private discard(vi: VirtualInterface, reason: number): true {
    this.left--
    vi.discardTx(this.chain.descriptors, reason)
    return true
  }

  private block(): false {
    this.blocked = true
    return false
  }
}

function ignore(): void {}
