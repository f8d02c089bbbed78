import type { Arena, FramePool, FrontendVif } from '../contract/index.js'
import type { PluginPool } from './plugin-pool.js'
import { takePool } from './pool-door.js'
import type { ScopeBook } from './scope-book.js'
import type { VifFacts } from './vif-doors.js'
import { VifDoors } from './vif-doors.js'

/** What netfront says of one of its devices. */
export interface FrontendFacts extends VifFacts {
  readonly mtu: number
  readonly features: { readonly sg: boolean; readonly gso: boolean; readonly checksum: boolean }
  readonly txArenas: readonly Arena[]
}

/** One network device of the guest, as the frontend half meets it. */
export class FrontendDoors extends VifDoors implements FrontendVif {
  readonly #facts: FrontendFacts
  readonly #pools: PluginPool[]

  /** `pools`: filled with the pools that are taken, for the queues' `deliver` to look frames up in. */
  constructor(book: ScopeBook, facts: FrontendFacts, pools: PluginPool[]) {
    super(book, facts)
    this.#facts = facts
    this.#pools = pools
  }

  get mtu(): number {
    return this.#facts.mtu
  }

  get features(): FrontendFacts['features'] {
    return this.#facts.features
  }

  get txArenas(): readonly Arena[] {
    return this.#facts.txArenas
  }

  pool(frames: number, bytesEach: number): FramePool {
    const pool = takePool(this.book, frames, bytesEach)
    this.#pools.push(pool)
    return pool
  }
}
