/** Bytes of a receive buffer (the original told the NIC the same): two in a page. */
export const RX_BUFFER = 2048
/** Buffers are posted, and the doorbell is rung, in batches of this many. */
export const RX_BATCH_SHIFT = 4
export const RX_BATCH = 1 << RX_BATCH_SHIFT
