// Drops: every frame that does not arrive has a reason from this closed table, and every reason a counter.
import { DROP_REASONS } from './drop-reasons.js'
import type { DropReason, DropReasonFacts } from './drop-reasons.js'

/** The reasons in the order of their indices. */
export const DROP_NAMES = Object.freeze(Object.keys(DROP_REASONS)) as readonly DropReason[]

/** Index of each reason, for a table of counters. */
export const DROP_INDEX = Object.freeze(
  Object.fromEntries(DROP_NAMES.map((name, index) => [name, index])),
) as Readonly<Record<DropReason, number>>

/** Totals of one reason. */
export interface DropEntry {
  readonly reason: DropReason
  /** Frames as the stage met them. */
  readonly frames: number
  /** Wire segments that the frames stood for. */
  readonly segments: number
  readonly bytes: number
}

const WORDS = 3

/**
 * Drop counters of one place (a queue, a port, a wire). Counting allocates nothing.
 *
 * The numbers are float64 words, exact to 2^53, so that they can lie in shared memory: give a `Float64Array` of
 * `DropCounters.words` elements to place them.
 */
export class DropCounters {
  /** Elements that the storage needs. */
  static readonly words = DROP_NAMES.length * WORDS

  readonly #counts: Float64Array

  constructor(storage: Float64Array = new Float64Array(DropCounters.words)) {
    if (storage.length < DropCounters.words)
      throw new RangeError(
        `drop counters need ${DropCounters.words} elements, the storage has ${storage.length}`,
      )
    this.#counts = storage
  }

  /** Counts one dropped frame that stood for `segments` wire segments and `bytes` bytes. */
  count(reason: DropReason, segments: number, bytes: number): void {
    const counts = this.#counts
    const at = DROP_INDEX[reason] * WORDS
    counts[at] = (counts[at] ?? 0) + 1
    counts[at + 1] = (counts[at + 1] ?? 0) + segments
    counts[at + 2] = (counts[at + 2] ?? 0) + bytes
  }

  /** Frames dropped for this reason. */
  frames(reason: DropReason): number {
    return this.#counts[DROP_INDEX[reason] * WORDS] ?? 0
  }

  /** Wire segments dropped for this reason. */
  segments(reason: DropReason): number {
    return this.#counts[DROP_INDEX[reason] * WORDS + 1] ?? 0
  }

  /** Bytes dropped for this reason. */
  bytes(reason: DropReason): number {
    return this.#counts[DROP_INDEX[reason] * WORDS + 2] ?? 0
  }

  /** Wire segments dropped for any reason. */
  get total(): number {
    let sum = 0
    for (let at = 1; at < DropCounters.words; at += WORDS) sum += this.#counts[at] ?? 0
    return sum
  }

  /** The reasons that have happened, in table order. */
  entries(): DropEntry[] {
    const counts = this.#counts
    const found: DropEntry[] = []
    for (let index = 0; index < DROP_NAMES.length; index += 1) {
      const at = index * WORDS
      if (counts[at] === 0) continue
      found.push({
        reason: DROP_NAMES[index],
        frames: counts[at],
        segments: counts[at + 1],
        bytes: counts[at + 2],
      })
    }
    return found
  }
}

export { DROP_REASONS }
export type { DropReason, DropReasonFacts }
