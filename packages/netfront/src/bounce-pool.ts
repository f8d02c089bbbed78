// For a backend that is not trusted (Linux xen-netfront, `trusted`, XSA-403): it sees pages that hold what is sent and no more.
import { copyBytes, FramePool, poolBytes } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { Arena, Domain } from '@netaccel/xen'
import { freeWhenIdle, JUMBO_BUFFER } from './tx-pool.js'

const PAGE = 4096
/** As many as the ring has slots, and as many jumbo ones as fill it twice over. */
const PAGES = 256
const JUMBOS = 8

/** Frames in whole pages of their own, into which everything is copied; what a frame leaves of its last page is zero. */
export class BouncePool {
  private readonly domain: Domain
  private readonly small: FramePool<Arena>
  private readonly jumbo: FramePool<Arena>

  /** Throws what the extent throws when the guest has not the pages; nothing is kept then. */
  constructor(domain: Domain) {
    this.domain = domain
    const small = domain.extent.allocPages(PAGES)
    try {
      const jumbo = domain.extent.allocPages(poolBytes(JUMBOS, JUMBO_BUFFER) / PAGE)
      this.jumbo = new FramePool(jumbo, { frames: JUMBOS, bytesEach: JUMBO_BUFFER })
    } catch (error) {
      domain.extent.freePages(small)
      throw error
    }
    this.small = new FramePool(small, { frames: PAGES, bytesEach: PAGE })
  }

  /** A frame of any length can be copied. */
  get ready(): boolean {
    return this.small.free > 0 && this.jumbo.free > 0
  }

  /** A copy of the frame's bytes, or null when none is free; the frame stays the caller's. */
  copy(frame: Frame): Frame | null {
    const { length } = frame
    const copy = (length <= PAGE ? this.small : this.jumbo).take()
    if (copy === undefined) return null
    copy.length = length
    copyBytes(copy.words, copy.offset, frame.words, frame.offset, length)
    const end = copy.offset + length
    copy.bytes.fill(0, end, (end + PAGE - 1) & -PAGE)
    return copy
  }

  /** No frame will be copied any more: the pages go back when the last one has been answered. */
  close(): void {
    freeWhenIdle(this.domain, this.small)
    freeWhenIdle(this.domain, this.jumbo)
  }
}
