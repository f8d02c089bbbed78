import { FramePool, poolBytes } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { Arena, Domain } from '@netaccel/xen'

/** Bytes of the two kinds of buffers: an ordinary frame, and 64 KiB with its headers in whole pages. */
export const SMALL_BUFFER = 2048
export const JUMBO_BUFFER = 17 * 4096

export interface TxPoolOptions {
  /** Buffers of 2 KiB and of 17 pages. Defaults 256 and 8. */
  readonly smallFrames?: number
  readonly jumboFrames?: number
}

/** Frames for the stack to send from; their bytes lie in the guest's own pages, so granting one copies nothing. */
export class TxPool {
  readonly small: FramePool<Arena>
  readonly jumbo: FramePool<Arena>
  readonly arenas: readonly Arena[]
  private closed: boolean

  /** Throws what the extent throws when the guest has not the pages; nothing is kept then. */
  constructor(domain: Domain, options: TxPoolOptions = {}) {
    const { smallFrames = 256, jumboFrames = 8 } = options
    const small = domain.extent.allocPages(pagesFor(smallFrames, SMALL_BUFFER))
    try {
      const jumbo = domain.extent.allocPages(pagesFor(jumboFrames, JUMBO_BUFFER))
      this.jumbo = new FramePool(jumbo, { frames: jumboFrames, bytesEach: JUMBO_BUFFER })
    } catch (error) {
      domain.extent.freePages(small)
      throw error
    }
    this.small = new FramePool(small, { frames: smallFrames, bytesEach: SMALL_BUFFER })
    this.closed = false
    this.arenas = [this.small.arena, this.jumbo.arena]
  }

  /**
   * An empty frame with room for `length` bytes, or undefined when none is free; try again after a completion. None once
   * the pool is closed: its pages may be another's.
   */
  take(length: number): Frame | undefined {
    if (this.closed) return undefined
    if (length <= SMALL_BUFFER) return this.small.take() ?? this.jumbo.take()
    return length <= JUMBO_BUFFER ? this.jumbo.take() : undefined
  }

  /** A frame of some length cannot be had now. Small ones come from the large, so these are the last to go. */
  get dry(): boolean {
    return this.jumbo.free === 0 && (this.jumbo.size > 0 || this.small.free === 0)
  }

  /** No frame will be taken any more: each half of the pages goes back when its last frame has. */
  close(domain: Domain): void {
    this.closed = true
    freeWhenIdle(domain, this.small)
    freeWhenIdle(domain, this.jumbo)
  }
}

/** Give a pool's pages back once all of its frames are, now or later. */
export function freeWhenIdle(domain: Domain, pool: FramePool<Arena>): void {
  const free = (): void => {
    if (pool.free !== pool.size) return
    pool.onFree = null
    domain.extent.freePages(pool.arena)
  }
  pool.onFree = free
  free()
}

function pagesFor(frames: number, bytesEach: number): number {
  return Math.ceil(poolBytes(frames, bytesEach) / 4096)
}
