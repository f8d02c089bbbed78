import type { Engine } from '@netaccel/xen'
import type { GenerationFacts, OpenScope } from '../loader-types.js'
import type { DoorDomain } from './door-domain.js'
import { HalfDoors } from './half-doors.js'
import type { KeptPages } from './kept-pages.js'
import type { LogSink } from './parts.js'
import { ScopeBook } from './scope-book.js'
import { DoorTally } from './tally.js'

/** What the scopes of all generations in one domain stand on. */
export interface HalfScopeParts {
  readonly domain: DoorDomain
  readonly engine: Engine
  readonly kept: KeptPages
  readonly log: LogSink
}

/** Opens the scope of one frontend or backend generation, for the loader's `openScope`. */
export function openHalfScope(parts: HalfScopeParts, facts: GenerationFacts): OpenScope {
  const { description, lease } = facts
  const book = new ScopeBook(facts.name, {
    ...parts,
    lease,
    capabilities: description.capabilities,
    tally: new DoorTally(facts.name),
    counter: (name) => description.counter(name),
    faults: null,
  })
  return { context: new HalfDoors(book, facts), close: (forced) => book.close(forced) }
}
