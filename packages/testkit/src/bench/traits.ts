// Traits: surroundings in which the suite is run again. None takes anything away that a plugin may rely on.
import type { RuleId } from '@netaccel/core'
import type { World, WorldValue } from '@netaccel/host'
import type { VaryHalves } from '../plugin/source.js'
import { FaultInjector } from './fault-injector.js'
import { LentTracer } from './lent-tracer.js'
import { withNeighbours } from './neighbour.js'

/** What each is called in reports: `act steady behind the tracer`. */
export const TRAITS = {
  tracer: 'behind the tracer',
  faults: 'behind the fault injector',
  neighbour: 'beside another plugin',
} as const

export type Trait = keyof typeof TRAITS

/** What a trait itself has seen. */
export interface Seen {
  readonly rule: RuleId
  readonly sentence: string
  /** Virtual time, ns. */
  readonly at: number
}

/** What a trait does to one bench. */
export interface Surrounding {
  /** Changes the world before it is built. */
  readonly value?: (value: WorldValue) => WorldValue
  /** Puts other halves between the recorder and the host. */
  readonly rig?: VaryHalves
  /** The world stands, and nothing is loaded. */
  readonly begin?: (world: World) => Promise<void> | void
  readonly seen?: readonly Seen[]
}

/** Anew for each bench. */
export function surroundingOf(trait: Trait | undefined): Surrounding {
  switch (trait) {
    case 'tracer':
      return new LentTracer()
    case 'faults':
      return new FaultInjector()
    case 'neighbour':
      return withNeighbours
    case undefined:
      return {}
  }
}
