// Read-modify-writes of a word that domains share. Each is an Atomics call, 7 to 8 ns and not inlined on Node 20, unless
// the memory is one thread's (`MachineOptions.threads`): then nobody can come between a load and a store.

/** Adds; what stood there. */
export function addShared(words: Int32Array, index: number, value: number, oneThread: number): number {
  if (oneThread !== 1) return Atomics.add(words, index, value)
  const seen = words[index]
  words[index] = seen + value
  return seen
}

/** Sets bits; what stood there. */
export function orShared(words: Int32Array, index: number, bits: number, oneThread: number): number {
  if (oneThread !== 1) return Atomics.or(words, index, bits)
  const seen = words[index]
  words[index] = seen | bits
  return seen
}

/** Keeps only `bits`; what stood there. */
export function andShared(words: Int32Array, index: number, bits: number, oneThread: number): number {
  if (oneThread !== 1) return Atomics.and(words, index, bits)
  const seen = words[index]
  words[index] = seen & bits
  return seen
}

/** Puts 0 there; what stood there. */
export function takeShared(words: Int32Array, index: number, oneThread: number): number {
  if (oneThread !== 1) return Atomics.exchange(words, index, 0)
  const seen = words[index]
  words[index] = 0
  return seen
}
