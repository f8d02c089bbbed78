// What the registry keeps, and what it asks of the vifs on its lists.
import type { RemoveReason, VersionRange } from './contract/index.js'
import type { ControlClock } from './control-clock.js'
import type { EventHub } from './event-hub.js'
import type { Lease, LeaseSum } from './lease.js'

/** On which side of the vif a registry stands. */
export type Side = 'frontend' | 'backend'

/** One load of a half, as its vifs meet it. */
export interface Generation<H> {
  readonly name: string
  /** Counts the loads of this registry: no two generations share a number. */
  readonly number: number
  readonly version: number
  readonly half: H
  /** The sum over its vifs; a vif's attachment adds its own leases here. */
  readonly lease: LeaseSum
  /** The registry's own count: one while a vif attaches or is attached. */
  readonly control: Lease
  /** False from the beginning of a stop on: no new attachment. */
  readonly open: boolean
}

/** A vif that wishes to be accelerated. Implemented by the attachments of netfront and netback. */
export interface RegistryMember<H> {
  /** For reports: `vif1.0`. */
  readonly name: string
  /**
   * Attach to this generation. Settles by its own deadlines. A `detach` that comes meanwhile aborts it; it then settles
   * as 'declined' and leaves nothing behind.
   */
  attach(half: H, generation: Generation<H>): Promise<'attached' | 'declined'>
  /**
   * Detach, in order or at the deadline by force. A second call joins the first. Settled: nothing is used any more. Gives
   * who still held what when it was forced; nothing for a detach in good order.
   */
  detach(reason: RemoveReason): Promise<readonly string[] | void>
}

/** Where a vif on a list stands. */
export type MemberState = 'requested' | 'attaching' | 'attached' | 'declined' | 'detaching'

/** Where a name stands. `requested`: asked for, nothing loaded. `deferred`: the next waits for the last lease of this one. */
export type EntryState = 'requested' | 'loading' | 'loaded' | 'draining' | 'deferred'

/** What is known of a name. */
export interface RegistryStatus {
  readonly name: string
  readonly state: EntryState
  /** Shown beside `loaded`: a vif attaches, or one is attached. */
  readonly use: 'none' | 'probed' | 'active'
  readonly generation: number | undefined
  readonly version: number | undefined
  readonly leases: number
  readonly members: readonly { readonly name: string; readonly state: MemberState }[]
}

/** How a stop went. */
export interface StopReport {
  readonly name: string
  /** Number of the generation that ended; undefined when none was loaded. */
  readonly generation: number | undefined
  /** A deadline passed first, of the unload or of one of its vifs; `holders` says who still held what. */
  readonly forced: boolean
  readonly holders: readonly string[]
  /** Vifs that were detached. */
  readonly detached: readonly string[]
  /** Nanoseconds of engine time from request to end. */
  readonly tookNs: number
}

export interface RegistryOptions {
  readonly side: Side
  readonly clock: ControlClock
  /** The domain is the driver domain, which has no netfront: frontend halves are refused there with EINVAL. */
  readonly inDriverDomain: boolean
  /** The versions that this host provides; default `CONTRACT_VERSIONS`. */
  readonly versions?: VersionRange
  /** A whole unload, in milliseconds of engine time; default 10,000. */
  readonly unloadDeadlineMs?: number
  readonly events?: EventHub
  /** A vif asked for a name of which no half is loaded: the domain's catalogue may hold it. */
  readonly onRequested?: (name: string) => void
}

/** What `loaded` says: 0 registered or deferred; a positive number: the host's own version, for a caller that is newer. */
export type LoadedResult = 0 | number | 'EPROTO' | 'EEXIST' | 'EINVAL'
