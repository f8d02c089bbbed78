// Stage 3f of a frame's way in, second part: one frame from the buffers that it fills.
import type { Frame, FramePool, FrontendQueue, RxDrop, WordView } from '@netaccel/core'
import { copyBytes } from '@netaccel/core'
import { RX_MAX_BUFFERS } from '@netaccel/nic-sim/constants'
import { RX_BUFFER } from './sizes.js'

/**
 * Puts a received frame together from its buffers. One buffer is the ordinary case: the buffer itself is the frame.
 * Several are copied into one contiguous frame of a pool of its own, and go back at once.
 *
 * Whatever the events say, every buffer that came in leaves again: delivered, or released with its frame counted as
 * dropped (RX-07, MEM-05).
 */
export class RxFrame {
  private readonly assembly: FramePool
  private readonly memory: WordView
  private readonly parts: (Frame | null)[]
  private count: number
  private bytes: number

  /** `assembly`: frames that hold {@link RX_MAX_BUFFERS} buffers each. */
  constructor(assembly: FramePool, memory: WordView) {
    this.assembly = assembly
    this.memory = memory
    this.parts = Array.from({ length: RX_MAX_BUFFERS }, () => null)
    this.count = 0
    this.bytes = 0
  }

  /** A frame has begun and its end has not come. */
  get begun(): boolean {
    return this.count > 0
  }

  /**
   * One more buffer, after which the frame has `total` bytes. False: that cannot be, or the buffer is one too many; it
   * was taken all the same, and the caller drops the frame.
   */
  add(buffer: Frame, total: number): boolean {
    const part = total - this.bytes
    const fits = this.count < RX_MAX_BUFFERS
    if (fits) this.parts[this.count++] = buffer
    else buffer.release()
    if (!fits || part < 1 || part > RX_BUFFER) return false
    buffer.length = part
    this.bytes = total
    return true
  }

  /** The whole frame, which the caller owns; null: no memory to put it together in, and it was dropped. */
  finish(queue: FrontendQueue): Frame | null {
    const { parts, count } = this
    const first = parts[0]
    if (count === 1) {
      parts[0] = null
      this.clear()
      return first
    }
    const whole = this.assembly.take()
    if (whole === undefined) {
      this.drop('no-memory', queue)
      return null
    }
    let done = 0
    for (let i = 0; i < count; i++) {
      const part = parts[i]
      if (part === null) continue
      copyBytes(this.memory, whole.offset + done, this.memory, part.offset, part.length)
      done += part.length
    }
    whole.length = done
    queue.charge('byte', done)
    this.release()
    return whole
  }

  /** What has come of the frame is of no use; nothing happens when none has begun. */
  drop(reason: RxDrop, queue: FrontendQueue): void {
    if (this.count === 0) return
    queue.dropRx(reason, 1, this.bytes)
    this.release()
  }

  /** Gives the buffers of an unfinished frame back without counting: the VI is gone. */
  release(): void {
    for (let i = 0; i < this.count; i++) {
      const part = this.parts[i]
      this.parts[i] = null
      if (part !== null) part.release()
    }
    this.clear()
  }

  private clear(): void {
    this.count = 0
    this.bytes = 0
  }
}
