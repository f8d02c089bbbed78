/** Frames, the wire segments they stand for, and their bytes without any offload header. */
export interface FlowCount {
  frames: number
  segments: number
  bytes: number
}

/** Frames of one direction that came to nothing here, by reason. */
export interface TapDrops {
  /** The device was down when we wrote (EIO). */
  down: number
  /** The kernel found the frame or its offload header malformed (EINVAL). */
  refused: number
  /** The kernel had no memory or no room for it (EAGAIN, ENOBUFS, ENOMEM). */
  full: number
  /** The device no longer exists. */
  gone: number
  /** The kernel handed over an offload header that does not fit its frame. */
  badHeader: number
}

export function flowCount(): FlowCount {
  return { frames: 0, segments: 0, bytes: 0 }
}

export function tapDrops(): TapDrops {
  return { down: 0, refused: 0, full: 0, gone: 0, badHeader: 0 }
}
