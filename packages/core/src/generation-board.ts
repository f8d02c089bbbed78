// Where each generation of a domain stands, for those who look: `Loader.status`.
import type { LoadedHalf } from './loader-types.js'
import type { RegistryStatus } from './registry-types.js'

/**
 * A generation on its way through a domain (docs/loading.md). `proven` is no state of the list: what is proven gone is not
 * there any more.
 */
export type HalfState =
  | 'resolved'
  | 'deferred'
  | 'loading'
  | 'loaded'
  | 'draining'
  | 'disposed'
  | 'purged'
  | 'leaked'

/** One generation as others may see it. */
export interface HalfStatus extends LoadedHalf {
  readonly state: HalfState
  /** Shown beside `loaded`: a vif attaches, or one is attached. */
  readonly use: RegistryStatus['use']
  readonly leases: number
  /** The vifs that ask for it, with their places in the registry. */
  readonly vifs: RegistryStatus['members']
  /** Of one that leaked: which parts are alive, and who was seen to hold on to them. */
  readonly holders: readonly string[]
}

/** One generation from the agreement on its version to its purge. */
export interface Standing {
  readonly facts: LoadedHalf
  state: 'resolved' | 'deferred' | 'loading' | 'loaded' | 'disposed'
}

/** Kept by a loader, in the order in which the generations came. */
export class GenerationBoard {
  readonly #standing = new Set<Standing>()

  add(facts: LoadedHalf): Standing {
    const standing: Standing = { facts, state: 'resolved' }
    this.#standing.add(standing)
    return standing
  }

  remove(standing: Standing): void {
    this.#standing.delete(standing)
  }

  /** `registered`: what the registry of its side knows of a name. */
  status(registered: (facts: LoadedHalf) => RegistryStatus | undefined): HalfStatus[] {
    return [...this.#standing].map(({ facts, state }) => statusOf(facts, state, registered(facts)))
  }
}

function statusOf(
  facts: LoadedHalf,
  state: Standing['state'],
  registered: RegistryStatus | undefined,
): HalfStatus {
  const isIn = state === 'loaded'
  // The registry's `deferred` says that the next one waits: this one drains.
  const drains = isIn && (registered?.state === 'draining' || registered?.state === 'deferred')
  return {
    ...facts,
    state: drains ? 'draining' : state,
    use: (isIn ? registered?.use : undefined) ?? 'none',
    leases: (isIn ? registered?.leases : undefined) ?? 0,
    vifs: (isIn ? registered?.members : undefined) ?? [],
    holders: [],
  }
}

/** Of a generation that the loader has let go of. */
export function purgedStatus(facts: LoadedHalf, holders: readonly string[] | undefined): HalfStatus {
  return {
    ...facts,
    state: holders === undefined ? 'purged' : 'leaked',
    use: 'none',
    leases: 0,
    vifs: [],
    holders: holders ?? [],
  }
}
