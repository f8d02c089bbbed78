// Words that domains share. Each of these is an Atomics call, 7 to 8 ns and not inlined on Node 20, unless the memory is
// one thread's (`MachineOptions.threads`): then nobody can come between a load and a store, or see stores out of order.

const oneThreadMemory = new WeakSet<ArrayBufferLike>()

/** The machine's promise that no other thread ever looks at this memory. */
export function promiseOneThread(memory: SharedArrayBuffer): void {
  oneThreadMemory.add(memory)
}

/** 1 if the memory is one thread's: to be asked once and kept. A number, as `STORES_IN_ORDER` is. */
export function isOneThread(memory: ArrayBufferLike): number {
  return oneThreadMemory.has(memory) ? 1 : 0
}

/** Stores, and no later load comes before. */
export function storeShared(words: Int32Array, index: number, value: number, oneThread: number): void {
  if (oneThread === 1) words[index] = value
  else Atomics.store(words, index, value)
}

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
