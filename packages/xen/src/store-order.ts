/**
 * On these processors one core's stores are seen in their order, so a plain store of the flags is a release; an Atomics
 * call costs 7 ns more on the frame path. Elsewhere a grantee that guessed the reference could see new flags beside the
 * frame of an earlier grant. A number, since V8 tests a number of which it knows nothing sooner than a boolean.
 */
export const STORES_IN_ORDER = process.arch === 'x64' || process.arch === 'ia32' ? 1 : 0

/**
 * A word that another thread writes. On these processors every load is an acquire, and V8 moves no load of a typed array
 * past a call, which each Atomics store and exchange is: the plain load says what the Atomics call says, 7 ns sooner.
 */
export function loadShared(words: Int32Array, index: number): number {
  return STORES_IN_ORDER === 1 ? words[index] : Atomics.load(words, index)
}
