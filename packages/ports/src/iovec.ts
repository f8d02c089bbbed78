const LOW = 0x1_0000_0000

/** One `struct iovec`: two 64-bit words, address and length. */
export const IOVEC_WORDS = 4

/**
 * Write entry `index` of an array of `struct iovec`, each 64-bit word as two of 32 bits, so that no BigInt is made.
 * `address` is a user address, below 2^48.
 */
export function writeIovec(iovec: Uint32Array, index: number, address: number, length: number): void {
  const at = index * IOVEC_WORDS
  iovec[at] = address % LOW
  iovec[at + 1] = address / LOW
  iovec[at + 2] = length
  iovec[at + 3] = 0
}
