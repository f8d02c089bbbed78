import { Frame, privateArena, Segmenter, wordsOf } from '@netaccel/packet'
import { TX_MAX_FRAME, TX_OPTION_TCPV4 } from '../constants.js'
import type { Dma } from './dma.js'
import { longestFrame } from './frame-limit.js'
import type { TxChain } from './tx-chain.js'
import type { VirtualInterface } from './virtual-interface.js'

/** A guest cannot keep the wire for longer than this many segments with one frame. */
const MOST_SEGMENTS = 512

/**
 * The one frame that is being cut into segments, whoever sent it. The wire may fill in the middle of it, so it keeps
 * its place; nobody else sends before it is done.
 */
export class Cutter {
  readonly segmenter: Segmenter
  /** The frame, fetched whole: what its owner writes later changes nothing. */
  readonly staging: Frame
  /** Whose it is; null: nothing is being cut. */
  vi: VirtualInterface | null
  descriptors: number
  /** Next segment. */
  next: number

  constructor() {
    this.segmenter = new Segmenter()
    const arena = privateArena(TX_MAX_FRAME)
    this.staging = new Frame(wordsOf(arena.bytes), 0, arena.length, 0, null)
    this.vi = null
    this.descriptors = 0
    this.next = 0
  }

  get active(): boolean {
    return this.vi !== null
  }

  /** Segments that are still to be sent. */
  get left(): number {
    return this.segmenter.count - this.next
  }

  /** Fetches a VI's frame and begins it. What its option said must be true of its bytes. */
  begin(vi: VirtualInterface, chain: TxChain, dma: Dma, mtu: number): 'begun' | 'malformed' | 'oversize' {
    const { staging, segmenter } = this
    chain.gather(dma, vi, staging.words, 0)
    staging.length = chain.bytes
    staging.gsoSize = chain.mss
    staging.gsoType = chain.type === TX_OPTION_TCPV4 ? 'tcpv4' : 'tcpv6'
    if (!segmenter.begin(staging) || segmenter.headerLength !== chain.headerBytes) return 'malformed'
    if (segmenter.count > MOST_SEGMENTS) return 'malformed'
    if (segmenter.longest > longestFrame(staging, mtu)) return 'oversize'
    this.vi = vi
    this.descriptors = chain.descriptors
    this.next = 0
    return 'begun'
  }

  end(): void {
    this.segmenter.end()
    this.vi = null
    this.next = 0
  }
}
