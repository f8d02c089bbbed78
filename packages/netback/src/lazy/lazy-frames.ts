import type { Frame } from '@netaccel/packet'
import { GuestFrames } from '../guest-frames.js'
import type { LazyCopy } from './lazy-copy.js'

/** A queue's frames whose bytes may stay in the guest's pages: with a frame its pages leave. */
export class LazyFrames extends GuestFrames {
  /** Null: nothing is mapped yet. */
  lazy: LazyCopy | null = null

  override reclaim(frame: Frame): void {
    if (this.lazy !== null) this.lazy.departed(frame)
    super.reclaim(frame)
  }
}
