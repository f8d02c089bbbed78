import { Frame, privateArena, Segmenter, wordsOf } from '@netaccel/packet'
import { TX_MAX_FRAME, TX_OPTION_HEADER_MASK, TX_OPTION_TCPV4 } from '../constants.js'
import type { Dma } from './dma.js'
import { longestFrame } from './frame-limit.js'
import { TxChain } from './tx-chain.js'
import type { VirtualInterface } from './virtual-interface.js'

/** A guest cannot keep the wire for longer than this many segments with one frame. */
const MOST_SEGMENTS = 512

/**
 * The one frame that is being cut into segments, whoever sent it. The wire may fill in the middle of it, so it keeps
 * its place; nobody else sends before it is done.
 *
 * The headers are fetched once, with all that decides where bytes go: what the sender writes later can only spoil its own
 * payload, which is fetched for each segment from the pages that were checked at the beginning.
 */
export class Cutter {
  readonly segmenter: Segmenter
  /** The descriptors of the frame that is being cut, which outlive the reading of others. */
  readonly chain: TxChain
  /** The headers, in a frame of the whole frame's length. */
  readonly staging: Frame
  /** Whose it is; null: nothing is being cut. */
  vi: VirtualInterface | null
  /** Next segment. */
  next: number

  constructor() {
    this.segmenter = new Segmenter()
    this.chain = new TxChain()
    const arena = privateArena(TX_MAX_FRAME)
    this.staging = new Frame(wordsOf(arena.bytes), 0, arena.length, 0, null)
    this.vi = null
    this.next = 0
  }

  get active(): boolean {
    return this.vi !== null
  }

  /** Segments that are still to be sent. */
  get left(): number {
    return this.segmenter.count - this.next
  }

  /** Fetches the headers of a frame and begins it. What its option said must be true of its bytes. */
  begin(vi: VirtualInterface, chain: TxChain, dma: Dma, mtu: number): 'begun' | 'malformed' | 'oversize' {
    const { staging, segmenter } = this
    this.chain.copyOf(chain)
    const fetched = chain.bytes < TX_OPTION_HEADER_MASK ? chain.bytes : TX_OPTION_HEADER_MASK
    chain.fetch(dma, vi, 0, fetched, staging.words, 0)
    staging.length = chain.bytes
    staging.gsoSize = chain.mss
    staging.gsoType = chain.type === TX_OPTION_TCPV4 ? 'tcpv4' : 'tcpv6'
    if (!segmenter.begin(staging) || segmenter.headerLength !== chain.headerBytes) return 'malformed'
    if (segmenter.count > MOST_SEGMENTS) return 'malformed'
    if (segmenter.longest > longestFrame(staging, mtu)) return 'oversize'
    this.vi = vi
    this.next = 0
    return 'begun'
  }

  end(): void {
    this.segmenter.end()
    this.vi = null
    this.next = 0
  }
}
