// What the registry keeps of a name and of the vifs on its list.
import type { Generation, MemberState, RegistryMember, StopReport } from './registry-types.js'

/** One vif on a list. */
export interface MemberRecord<H> {
  readonly member: RegistryMember<H>
  state: MemberState
  /** The attach in flight. */
  attaching: Promise<void> | null
  /** The generation on whose control lease this vif counts: from the beginning of its attach to the end of its detach. */
  holds: Generation<H> | null
}

/** A generation as the registry itself sees it. */
export interface LiveGeneration<H> extends Generation<H> {
  open: boolean
  readonly dispose: Dispose
}

/**
 * Ends what a generation has beside its vifs; gives back what could not be undone. `holders`: who still held what when
 * a vif, or all of it, had to be forced.
 */
export type Dispose = (
  forced: boolean,
  holders: readonly string[],
) => Promise<readonly string[]> | readonly string[]

/** A load that waits for the last lease of the generation before it. */
export interface Deferred {
  start(): void
  refuse(code: 'SUPERSEDED' | 'CANCELLED'): void
}

/** What is kept under one name. */
export interface Entry<H> {
  readonly name: string
  /** Oldest first; calls go newest first, as the original fills its list at the head. */
  readonly members: MemberRecord<H>[]
  generation: LiveGeneration<H> | null
  /** A load has been admitted and its set-up runs. */
  loading: boolean
  stopping: Promise<StopReport> | null
  deferred: Deferred | null
}
