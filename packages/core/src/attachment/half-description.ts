import type { Capability, Manifest } from '../contract/index.js'
import { Counters } from '../counters.js'
import type { Counter } from '../counters.js'

/** What an attachment has to know of a half beside its hooks: what its manifest declares. */
export class HalfDescription {
  readonly name: string
  readonly capabilities: ReadonlySet<Capability>
  /** The declared counters, as far as they belong to no vif that is attached: of the half itself and its ports, and of vifs that have left. */
  readonly #own: Counters
  readonly #vifs = new Set<Counters>()

  constructor(manifest: Pick<Manifest, 'name' | 'capabilities' | 'counters'>) {
    this.name = manifest.name
    this.capabilities = new Set(manifest.capabilities)
    this.#own = new Counters(manifest.name, manifest.counters ?? {})
  }

  /** One of the half's own. Undefined for a counter that is not declared. */
  counter(name: string): Counter | undefined {
    return declared(this.#own, name)
  }

  /** A set for one attachment of a vif, until {@link leave}. */
  join(): Counters {
    const counters = new Counters(this.name, this.#own.sentences)
    this.#vifs.add(counters)
    return counters
  }

  /** The attachment is over: what its set holds becomes the generation's. */
  leave(counters: Counters): void {
    if (this.#vifs.delete(counters)) this.#own.add(counters)
  }

  /** The sums over the half and all its vifs, those that have left too. A copy. */
  get counters(): Counters {
    const all = new Counters(this.name, this.#own.sentences)
    all.add(this.#own)
    for (const counters of this.#vifs) all.add(counters)
    return all
  }
}

/** One counter of a set. Undefined for a name that is not declared. */
export function declared(counters: Counters, name: string): Counter | undefined {
  return Object.hasOwn(counters.sentences, name) ? counters.counter(name) : undefined
}

/** Finds the description of a loaded half; who loads halves keeps it. */
export type DescribeHalf = (half: object) => HalfDescription
