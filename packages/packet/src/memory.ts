import { PacketError } from './errors.js'

/** A stretch of memory: `view` and `bytes` cover the whole memory and are made once; offset and length say where. */
export interface View {
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly offset: number
  readonly length: number
}

/**
 * One memory seen as words, for loops that move or sum many bytes. Made once per memory, at set-up, by
 * {@link wordsOf}, and held by whoever copies: a lookup per frame would cost more than the copy.
 * `doubles[i]` lies at byte `8 * i` of `bytes`, `ints[i]` at byte `4 * i`; a tail that fills no word has none.
 */
export interface WordView {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly doubles: Float64Array
  readonly ints: Int32Array
}

const wordViews = new WeakMap<Uint8Array, WordView>()

/**
 * The word view of a memory; the same object for the same `bytes`. For set-up, not for the per-frame path.
 * `view` is the memory's own DataView if it has one already.
 * Throws `BAD_ARENA` when `bytes` does not begin on an 8-byte boundary of its buffer: words could not be read.
 */
export function wordsOf(bytes: Uint8Array, view?: DataView): WordView {
  const known = wordViews.get(bytes)
  if (known !== undefined) return known
  if (bytes.byteOffset % 8 !== 0) {
    throw new PacketError(
      'BAD_ARENA',
      `memory begins at byte ${bytes.byteOffset} of its buffer, which 8 does not divide: ` +
        'pass a view made over a whole buffer, or copy into privateArena()',
    )
  }
  const { buffer, byteOffset, length } = bytes
  if (
    view !== undefined &&
    !(view.buffer === buffer && view.byteOffset === byteOffset && view.byteLength === length)
  ) {
    throw new PacketError(
      'BAD_ARENA',
      '`view` and `bytes` are of different stretches: make both over the same one',
    )
  }
  const made: WordView = {
    bytes,
    view: view ?? new DataView(buffer, byteOffset, length),
    doubles: new Float64Array(buffer, byteOffset, length >>> 3),
    ints: new Int32Array(buffer, byteOffset, length >>> 2),
  }
  wordViews.set(bytes, made)
  return made
}

/** Memory of this process alone, zeroed: for tests, pcap tools and generators that have no domain. */
export function privateArena(length: number): View {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new PacketError(
      'BAD_OPTION',
      `an arena of ${length} bytes cannot be made: give a whole number >= 0`,
    )
  }
  const bytes = new Uint8Array(length)
  return { view: new DataView(bytes.buffer), bytes, offset: 0, length }
}
