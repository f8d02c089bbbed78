// In a file of their own: the bundler writes constants of other files where they are used.

/** As the drivers have them: what another package exports is a load, two tests and a shift by a register at each use. */
export const PAGE = 4096
export const SHIFT = 12
export const BATCH_OPS = 64
export const DATA_PAGES = 512
/** Pages that payload is copied to, round and round. */
export const OUT_PAGES = 512
export const MSS = 1448
/** A packet's first slot must hold the Ethernet header. */
export const LEAST_HEAD = 14
/** Beside an id: an extra is to be answered with it. */
export const WITH_EXTRA = 0x10000
