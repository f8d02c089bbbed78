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
import { TxChain } from './tx-chain.js'
import type { VirtualInterface } from './virtual-interface.js'
import { HOST_VI, TX_EVENT_RESERVE } from './virtual-interface.js'

/** Frames or segments of one sender before the next has its turn. */
const QUANTUM = 16

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
  private readonly device: DeviceParts
  private readonly chain: TxChain
  private readonly checksums: ChecksumEngine
  private readonly cutter: Cutter
  private turn: number
  private left: number
  private blocked: boolean

  constructor(device: DeviceParts) {
    this.name = `${device.name}-tx`
    this.onViIdle = ignore
    this.device = device
    this.chain = new TxChain()
    this.checksums = new ChecksumEngine(device.dma)
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
    return this.cutter.vi === vi
  }

  /** Gives up the rest of a frame that is still leaving. Nothing tells a guest; the driver's frame has left, in part. */
  abandon(vi: VirtualInterface, reason: DropReason): void {
    if (this.cutter.vi !== vi) return
    for (; this.cutter.left > 0; this.cutter.next++)
      this.device.drops.count(reason, 1, this.cutter.segmenter.lengthOf(this.cutter.next))
    const { descriptors } = this.cutter.chain
    this.cutter.end()
    if (vi.id !== HOST_VI) return
    vi.completeTx(descriptors)
    vi.flushTx()
  }

  private sendVi(vi: VirtualInterface | null): void {
    if (vi === null || vi.state !== 'live') return
    vi.takeDoorbells()
    const stop = Math.max(0, this.left - QUANTUM)
    const police = vi.id === HOST_VI ? null : this.device.police
    while (this.left > stop && !this.blocked && !this.cutter.active && vi.eventRoom >= TX_EVENT_RESERVE) {
      if (police !== null && !police.mayFetch(vi.id)) break
      const found = this.chain.read(vi)
      if (found === 'none') break
      this.device.meter.descriptors += this.chain.descriptors
      if (found === 'bad') this.discard(vi, this.chain.reason)
      else if (!this.device.link || this.device.out === null) this.discard(vi, REASON_LINK)
      else if (this.chain.mss > 0) this.startCut(vi)
      else this.sendWhole(vi)
    }
    vi.flushTx()
  }

  private sendWhole(vi: VirtualInterface): void {
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
    chain.gather(this.device.dma, vi, slot.words, slot.offset)
    slot.length = chain.bytes
    if (slot.length > longestFrame(slot, this.device.mtu)) {
      lane.putBack(slot)
      return this.discard(vi, REASON_OVERSIZE)
    }
    if (this.policed(vi, slot)) {
      lane.putBack(slot)
      this.device.drops.count('nic_vi_spoofed', 1, chain.bytes)
      return this.swallow(vi)
    }
    if (chain.checksum) this.checksums.finish(slot)
    this.left--
    vi.txFrames++
    this.send(slot, vi)
    vi.completeTx(chain.descriptors)
  }

  private startCut(vi: VirtualInterface): void {
    const { chain, cutter } = this
    const outcome = cutter.begin(vi, chain, this.device.dma, this.device.mtu)
    if (outcome !== 'begun') {
      cutter.end()
      return this.discard(vi, outcome === 'oversize' ? REASON_OVERSIZE : REASON_MALFORMED)
    }
    if (this.policed(vi, cutter.staging)) {
      for (let i = 0; i < cutter.segmenter.count; i++)
        this.device.drops.count('nic_vi_spoofed', 1, cutter.segmenter.lengthOf(i))
      cutter.end()
      return this.swallow(vi)
    }
    vi.flushTx()
    this.cut()
  }

  /** Pays for a frame that was fetched with its sender's tokens. True: it is to be swallowed for its source address. */
  private policed(vi: VirtualInterface, frame: Frame): boolean {
    const { police } = this.device
    if (police === null || vi.id === HOST_VI) return false
    police.spend(vi.id, this.chain.bytes)
    return !police.isOwn(vi, frame)
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
    if (!cutter.chain.stillOwned(vi)) {
      for (; cutter.left > 0; cutter.next++)
        this.device.drops.count('nic_tx_rights', 1, cutter.segmenter.lengthOf(cutter.next))
    }
    this.cut()
  }

  /** One segment into a slot: headers that are the NIC's own, payload from where it lies. */
  private fill(slot: Frame, vi: VirtualInterface): void {
    const { segmenter, chain, next } = this.cutter
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
      if (slot === null)
        this.device.drops.count('nic_tx_link_down', 1, cutter.segmenter.lengthOf(cutter.next))
      else {
        this.fill(slot, vi)
        this.send(slot, vi)
      }
      cutter.next++
      this.left--
    }
    this.finishCut(vi)
  }

  private finishCut(vi: VirtualInterface): void {
    const { descriptors } = this.cutter.chain
    this.cutter.end()
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

  private discard(vi: VirtualInterface, reason: number): void {
    this.left--
    vi.discardTx(this.chain.descriptors, reason)
  }

  private block(): false {
    this.blocked = true
    return false
  }
}

function ignore(): void {}
