// Memory as a plugin sees it: machine pages, arenas, frames and their pools.
import type { Page } from '@netaccel/xen'

/** A stretch of memory: `view` and `bytes` cover the whole memory and are made once, `offset` and `length` cut it. */
export interface View {
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly offset: number
  readonly length: number
}

/** A handle for one machine frame: passed on to the host's doors, never computed with. */
export type { Page }

/** Contiguous zeroed pages of this domain, 4096 bytes each. */
export interface Arena extends View {
  readonly pages: readonly Page[]
}

/**
 * One packet, contiguous, up to 64 KiB: what a plugin sees of packet's `Frame`. The bytes are
 * `bytes[offset .. offset + length)`.
 *
 * A plugin writes `length`, `checksum`, `gsoSize` and `segments` of frames from its own pool only (RX-06); a lent frame is
 * never written (TX-05).
 */
export interface Frame {
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly offset: number
  /** Bytes of the packet, without frame check sequence. */
  length: number
  /** `blank`: the transport checksum must still be filled in. `verified`: checked and found right. */
  checksum: 'none' | 'blank' | 'verified'
  /** Payload bytes of each segment of a GSO frame; 0: not one. */
  gsoSize: number
  /** The wire segments that the frame stands for. */
  segments: number
  /** Back to its pool: once, by its owner (MEM-05). */
  release(): void
}

/** Frames over one arena. */
export interface FramePool {
  readonly arena: Arena
  readonly free: number
  /** Undefined when all are out. The taker owns the frame. */
  take(): Frame | undefined
}
