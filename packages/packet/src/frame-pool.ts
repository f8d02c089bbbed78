import { PacketError } from './errors.js'
import type { FrameOwner } from './frame.js'
import { Frame } from './frame.js'
import type { View } from './memory.js'
import { wordsOf } from './memory.js'

const PAGE = 4096

export interface FramePoolOptions {
  /** How many frames the pool holds. */
  readonly frames: number
  /** Least bytes of each buffer, headroom included. */
  readonly bytesEach: number
  /** Bytes left free before a frame that is taken; default 0. */
  readonly headroom?: number
}

/** Bytes that one buffer takes: whole pages from one page up (so that it can be granted), else a multiple of 8. */
export function bufferStride(bytesEach: number): number {
  return bytesEach >= PAGE ? Math.ceil(bytesEach / PAGE) * PAGE : Math.ceil(bytesEach / 8) * 8
}

/** Bytes of arena that a pool needs, provided the arena begins on a page (or on 8 bytes for small buffers). */
export function poolBytes(frames: number, bytesEach: number): number {
  return frames * bufferStride(bytesEach)
}

/**
 * A fixed number of frames over an arena that it is given. Taking and releasing allocate nothing; the frame
 * released last is taken first, because its bytes are still in the cache.
 *
 * Buffers of a page or more begin on a page boundary of the memory, so that granting a frame copies nothing;
 * 64 KiB and a header take 17 pages. Smaller buffers begin on 8 bytes and share pages.
 */
export class FramePool<A extends View = View> implements FrameOwner {
  readonly arena: A
  /** Number of frames, and the bytes from one buffer to the next. */
  readonly size: number
  readonly stride: number
  readonly headroom: number
  /** All frames, by index, for set-up (registering, granting); never take one from here. */
  readonly frames: readonly Frame[]
  /** Called after a frame has come back: for wake-ups. Must not throw. */
  onFree: (() => void) | null
  private head: Frame | null
  private freeCount: number

  /** Throws `BAD_OPTION` for counts that make no sense and `BAD_ARENA` when the arena is too small. */
  constructor(arena: A, options: FramePoolOptions) {
    const { frames, bytesEach, headroom = 0 } = options
    checkOptions(frames, bytesEach, headroom)
    this.arena = arena
    this.size = frames
    this.stride = bufferStride(bytesEach)
    this.headroom = headroom
    this.onFree = null
    this.head = null
    this.freeCount = frames
    const first = firstBuffer(arena, frames, this.stride)
    const words = wordsOf(arena.bytes, arena.view)
    const made: Frame[] = []
    for (let i = 0; i < frames; i++)
      made.push(new Frame(words, first + i * this.stride, this.stride, i, this))
    for (let i = frames - 1; i >= 0; i--) this.link(made[i])
    this.frames = made
  }

  /** Frames that can be taken now. */
  get free(): number {
    return this.freeCount
  }

  /** A fresh, empty frame that the caller owns, or undefined when all are out. */
  take(): Frame | undefined {
    const frame = this.head
    if (frame === null) return undefined
    this.head = frame.next
    this.freeCount--
    frame.reset(this.headroom)
    return frame
  }

  /** Called by a frame's last release; not for anyone else. */
  reclaim(frame: Frame): void {
    if (frame.next !== null) throw inQueue(frame)
    this.link(frame)
    this.freeCount++
    if (this.onFree !== null) this.onFree()
  }

  private link(frame: Frame): void {
    frame.next = this.head
    this.head = frame
  }
}

/** Out here, so that {@link FramePool.reclaim} is small enough to be inlined in every release. */
function inQueue(frame: Frame): PacketError {
  return new PacketError('FRAME_QUEUED', `frame ${frame.index} was released while it stands in a queue`)
}

function checkOptions(frames: number, bytesEach: number, headroom: number): void {
  if (!Number.isSafeInteger(frames) || frames < 1) {
    throw new PacketError('BAD_OPTION', `a pool of ${frames} frames cannot be made: give a whole number >= 1`)
  }
  if (!Number.isSafeInteger(bytesEach) || bytesEach < 1) {
    throw new PacketError(
      'BAD_OPTION',
      `buffers of ${bytesEach} bytes cannot be made: give a whole number >= 1`,
    )
  }
  if (!Number.isSafeInteger(headroom) || headroom < 0 || headroom >= bytesEach) {
    throw new PacketError(
      'BAD_OPTION',
      `a headroom of ${headroom} bytes does not fit a buffer of ${bytesEach}`,
    )
  }
}

/** Where the first buffer begins: on a page or on 8 bytes of the memory, whatever the arena's own offset is. */
function firstBuffer(arena: View, frames: number, stride: number): number {
  const unit = stride >= PAGE ? PAGE : 8
  const first = Math.ceil(arena.offset / unit) * unit
  const end = first + frames * stride
  if (end > arena.offset + arena.length || end > arena.bytes.length) {
    const needed = end - arena.offset
    throw new PacketError(
      'BAD_ARENA',
      `${frames} buffers of ${stride} bytes need an arena of ${needed} bytes, it has ${arena.length}: ` +
        'give it more pages or the pool fewer frames',
    )
  }
  return first
}
