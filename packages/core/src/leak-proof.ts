// Proof that a purged generation is gone: weak references to its parts, and a collection.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { HalfName } from './contract/index.js'
import type { LeakedHalf, ProofReport } from './loader-types.js'

interface Purged {
  readonly name: string
  readonly half: HalfName
  readonly hash: string
  readonly parts: readonly { readonly what: string; readonly ref: WeakRef<object> }[]
  /** Seen when it was unloaded: forced leases, tasks and takings that did not end. */
  readonly suspects: readonly string[]
}

/** Keeps weak references only. */
export class LeakProof {
  #purged: Purged[] = []
  #collected = 0

  /** Remembers what should soon be gone. Call it with the last strong references, and drop them. */
  add(
    facts: Pick<Purged, 'name' | 'half' | 'hash' | 'suspects'>,
    parts: Readonly<Record<string, object>>,
  ): void {
    this.#sweep()
    this.#purged.push({
      name: facts.name,
      half: facts.half,
      hash: facts.hash,
      suspects: facts.suspects,
      parts: Object.entries(parts).map(([what, part]) => ({ what, ref: new WeakRef(part) })),
    })
  }

  /** Purged generations that have not been seen to be gone. */
  get outstanding(): number {
    this.#sweep()
    return this.#purged.length
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
    return { proven, leaked: this.#purged.map(leakedOf) }
  }

  #sweep(): void {
    const alive = this.#purged.filter(({ parts }) => parts.some(({ ref }) => ref.deref() !== undefined))
    this.#collected += this.#purged.length - alive.length
    this.#purged = alive
  }
}

function leakedOf({ name, half, hash, parts, suspects }: Purged): LeakedHalf {
  const alive = parts.filter(({ ref }) => ref.deref() !== undefined).map(({ what }) => `alive: ${what}`)
  const held =
    suspects.length > 0
      ? suspects
      : [
          'nothing the host knows of: look for a global, a listener, a timer of Node, or a table in another module',
        ]
  return { name, half, hash, holders: [...alive, ...held] }
}

/** Node's collector, also without --expose-gc. */
function collector(): () => void {
  const { gc } = globalThis
  if (gc !== undefined) return () => gc()
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
