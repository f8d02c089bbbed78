import { FramePool as Pool } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { Arena, FramePool } from '../contract/index.js'

/**
 * A pool of receive frames as a plugin gets it. The host notes which frames it was given (`deliver`), so that at the
 * end it can tell frames that the stack still reads, whose pages must outlive the plugin, from buffers that the plugin
 * simply kept (MEM-05).
 */
export class PluginPool implements FramePool {
  readonly arena: Arena
  readonly #frames: Pool<Arena>
  /** All frames of the pool, by index. */
  readonly #all: readonly Frame[]
  /** 1 for each frame that was delivered and not taken again since. */
  readonly #delivered: Uint8Array
  readonly #settle: () => void
  #closed = false

  /** `settle` is called when a frame comes back after the pool was closed, `freed` when one comes back before. */
  constructor(
    arena: Arena,
    frames: number,
    bytesEach: number,
    settle: () => void,
    freed: (() => void) | null = null,
  ) {
    this.arena = arena
    this.#frames = new Pool(arena, { frames, bytesEach })
    this.#all = this.#frames.frames
    this.#delivered = new Uint8Array(frames)
    this.#settle = settle
    // Nobody is called for each frame that comes back while nobody waits for one.
    this.#frames.onFree = freed
  }

  get free(): number {
    return this.#closed ? 0 : this.#frames.free
  }

  take(): Frame | undefined {
    if (this.#closed) return undefined
    const frame = this.#frames.take()
    if (frame !== undefined) this.#delivered[frame.index] = 0
    return frame
  }

  /** The host is given this frame. False: it is not one of this pool's that the plugin holds. */
  deliver(frame: Frame): boolean {
    const { index } = frame
    if (this.#all[index] !== frame || frame.holders === 0 || this.#delivered[index] === 1) return false
    this.#delivered[index] = 1
    return true
  }

  /** Give out no more frames. */
  close(): void {
    this.#closed = true
    this.#frames.onFree = this.#settle
  }

  /** Frames that the host's stack still holds. */
  onLoan(): number {
    let held = 0
    for (const frame of this.#frames.frames)
      if (frame.holders > 0 && this.#delivered[frame.index] === 1) held++
    return held
  }

  /** Frames that the plugin took and neither delivered nor released. */
  heldByPlugin(): number {
    let held = 0
    for (const frame of this.#frames.frames)
      if (frame.holders > 0 && this.#delivered[frame.index] === 0) held++
    return held
  }
}
