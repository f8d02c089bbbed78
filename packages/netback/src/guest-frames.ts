import { Frame, wordsOf } from '@netaccel/packet'
import type { FrameOwner } from '@netaccel/packet'
import type { Arena, Domain } from '@netaccel/xen'

const SMALL = 2048
const JUMBO = 17 * 4096

export interface GuestFramesOptions {
  /** Frames of 2 KiB and of 17 pages for what one queue of a guest sends. Defaults 256 and 8. */
  readonly smallFrames?: number
  readonly jumboFrames?: number
}

/** Who is told of frames that leave. */
export interface DepartureWatch {
  /** A frame has left: its last release. Called before it can be taken again. */
  departed(frame: Frame): void
}

/**
 * Frames of the driver domain for what one queue of a guest has sent. There are only so many: when they are all on
 * the way, the guest's requests stay in its ring until one has left, so a guest that floods waits for itself.
 */
export class GuestFrames implements FrameOwner {
  readonly arena: Arena
  readonly size: number
  /** All of them, by index. */
  readonly all: readonly Frame[]
  /** Null while nobody waits for a departure, so that a frame's release costs a comparison. */
  watch: DepartureWatch | null
  /** A frame is free again; null while nobody waits for one. */
  onFree: (() => void) | null
  private readonly domain: Domain
  private readonly smallCount: number
  private small: Frame | null
  private jumbo: Frame | null
  private freeFrames: number
  private closed: boolean

  /** Throws what the extent throws when the driver domain has not the pages. */
  constructor(domain: Domain, options: GuestFramesOptions = {}) {
    const { smallFrames = 256, jumboFrames = 8 } = options
    this.domain = domain
    this.smallCount = smallFrames
    this.size = smallFrames + jumboFrames
    this.watch = null
    this.onFree = null
    this.small = null
    this.jumbo = null
    this.freeFrames = this.size
    this.closed = false
    const jumboBytes = jumboFrames * JUMBO
    const pages = Math.ceil((jumboBytes + smallFrames * SMALL) / 4096)
    this.arena = domain.extent.allocPages(pages)
    const words = wordsOf(this.arena.bytes)
    const { offset } = this.arena
    const all: Frame[] = []
    for (let i = 0; i < smallFrames; i++) {
      all.push(new Frame(words, offset + jumboBytes + i * SMALL, SMALL, i, this))
    }
    for (let i = 0; i < jumboFrames; i++) {
      all.push(new Frame(words, offset + i * JUMBO, JUMBO, smallFrames + i, this))
    }
    this.all = all
    for (let i = this.size - 1; i >= 0; i--) this.put(all[i])
  }

  get free(): number {
    return this.freeFrames
  }

  /** An empty frame with room for `length` bytes (at most 64 KiB), or null: wait for {@link onFree}. */
  take(length: number): Frame | null {
    const small = length <= SMALL
    const frame = small ? this.small : this.jumbo
    if (frame === null) return null
    if (small) this.small = frame.next
    else this.jumbo = frame.next
    this.freeFrames--
    frame.reset(0)
    return frame
  }

  /** Called by a frame's last release. */
  reclaim(frame: Frame): void {
    if (this.watch !== null) this.watch.departed(frame)
    this.put(frame)
    this.freeFrames++
    if (this.closed) this.giveBack()
    else if (this.onFree !== null) this.onFree()
  }

  /** No frame will be taken any more; the pages go back when the last frame has. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.giveBack()
  }

  private giveBack(): void {
    if (this.freeFrames === this.size) this.domain.extent.freePages(this.arena)
  }

  private put(frame: Frame): void {
    if (frame.index < this.smallCount) {
      frame.next = this.small
      this.small = frame
    } else {
      frame.next = this.jumbo
      this.jumbo = frame
    }
  }
}
