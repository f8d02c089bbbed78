// Proof that a purged generation is gone: weak references to its parts, and a collection.
import { collector } from '@netaccel/xen'
import { sinceCensus } from './leak-census.js'
import type { HalfName } from './contract/index.js'
import type { Census } from './leak-census.js'
import type { LeakedHalf, LoadedHalf, ProofReport } from './loader-types.js'

/** What is told of a generation that was unloaded. */
export interface PurgedFacts extends Pick<LoadedHalf, 'name' | 'half' | 'hash'> {
  /** Seen when it was unloaded: forced leases, tasks and takings that did not end. */
  readonly suspects: readonly string[]
  /** What stood in the process before its load. */
  readonly before?: Census | undefined
}

/** A part of a purged generation, and what it is called in a report. */
export interface Part {
  readonly what: string
  readonly part: object
}

interface Purged<F> {
  readonly facts: F
  readonly parts: readonly { readonly what: string; readonly ref: WeakRef<object> }[]
  /** A proof has found it alive. */
  leaked: LeakedHalf | undefined
}

/** Keeps weak references only. `F`: what its owner wants to be told of a purged generation. */
export class LeakProof<F extends PurgedFacts = PurgedFacts> {
  #purged: Purged<F>[] = []
  #collected = 0

  /** Remembers what should soon be gone. Call it with the last strong references, and drop them. */
  add(facts: F, parts: readonly Part[]): void {
    this.#sweep()
    this.#purged.push({
      facts,
      parts: parts.map(({ what, part }) => ({ what, ref: new WeakRef(part) })),
      leaked: undefined,
    })
  }

  /** Purged generations that have not been seen to be gone. */
  get outstanding(): number {
    this.#sweep()
    return this.#purged.length
  }

  /** The same, one by one; `leaked` once a proof has found it alive. */
  get standing(): readonly { readonly facts: F; readonly leaked: LeakedHalf | undefined }[] {
    this.#sweep()
    return this.#purged
  }

  /**
   * Collects, and says which purged generations are gone. `turn` lets the event loop turn once (`setImmediate`): a weak
   * reference that was made or read in this turn keeps its target alive until the turn ends.
   */
  async prove(turn: () => Promise<void>): Promise<ProofReport> {
    const collect = collector()
    // Compiled code is flushed, and the context of a function freed, one collection after the other.
    for (let round = 0; round < 3 && this.#purged.length > 0; round++) {
      await turn()
      collect()
      await turn()
      this.#sweep()
    }
    const proven = this.#collected
    this.#collected = 0
    for (const purged of this.#purged) purged.leaked = leakedOf(purged)
    return { proven, leaked: this.#purged.map(leakedOf) }
  }

  #sweep(): void {
    const alive = this.#purged.filter(({ parts }) => parts.some(({ ref }) => ref.deref() !== undefined))
    this.#collected += this.#purged.length - alive.length
    this.#purged = alive
  }
}

const UNKNOWN =
  'nothing the host knows of: look for a value of a global, an emitter, a timer of Node, or a table in another module'

function leakedOf({ facts, parts }: Purged<PurgedFacts>): LeakedHalf {
  const { name, half, hash, suspects, before } = facts
  const alive = parts.filter(({ ref }) => ref.deref() !== undefined).map(({ what }) => `alive: ${what}`)
  const seen = [...suspects, ...(before === undefined ? [] : sinceCensus(before))]
  const known = seen.length > 0 || alive.some((what) => what.startsWith(`alive: ${LISTENER}`))
  return {
    name,
    half: half satisfies HalfName,
    hash,
    holders: [...alive, ...seen, ...(known ? [] : [UNKNOWN])],
  }
}

/** Begins what a listener on `process` is called in a report. */
export const LISTENER = 'a listener on process'
