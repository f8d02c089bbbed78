import { Bench } from '../bench/bench.js'
import type { BenchOptions, BenchParts } from '../bench/bench.js'
import type { Subject } from '../plugin/subject.js'

/** What an act is given. */
export interface Kit extends BenchParts {
  /** The full run: more cycles, more seeds, more sizes. */
  readonly full: boolean
  bench(options?: BenchOptions): Promise<Bench>
}

/**
 * Something that is done with a plugin, in virtual time and from a seed, that leaves evidence. The checks of many rules look
 * at the same act; it runs once. It judges nothing.
 */
export interface Act<E> {
  readonly name: string
  /** What it does, for reports: `traffic of all shapes, both ways`. */
  readonly title: string
  /** Not for this plugin, and why; undefined: it is. */
  readonly unfit?: (subject: Subject) => string | undefined
  /** Not run again with traits: it has no world, or surroundings of its own that a trait would hide. */
  readonly bare?: boolean
  /** Only in a full run. */
  readonly full?: boolean
  readonly run: (kit: Kit) => Promise<E>
}

export function kitOf(parts: BenchParts, full: boolean): Kit {
  return { ...parts, full, bench: (options) => Bench.make(parts, options) }
}
