import type { Engine } from '@netaccel/xen'
import type { Capability } from '../contract/index.js'
import type { Lease } from '../lease.js'
import type { KeptPages } from './kept-pages.js'
import type { DoorTally } from './tally.js'
import type { DoorDomain } from './door-domain.js'

export type LogLevel = 'info' | 'warn' | 'error'

/** Where what a plugin logs, and what the host has to say about it, goes. */
export type LogSink = (level: LogLevel, scope: string, text: string, cause?: unknown) => void

/**
 * Makes doors fail, for tests: asked once at each call of a door that can fail, in the order of the calls. True: the
 * door answers as it does for want of what it hands out (a throw, a status, false).
 */
export interface DoorFaults {
  fails(door: string): boolean
}

/** What the doors of one scope, and of all its children, stand on. */
export interface ScopeParts {
  readonly domain: DoorDomain
  /** The engine on which the scope's timers, watches and events run. */
  readonly engine: Engine
  /** One count of kind task is held for each task that runs. */
  readonly lease: Lease
  readonly capabilities: ReadonlySet<Capability>
  /** The domain's pages that cannot be used again yet; outlives every scope. */
  readonly kept: KeptPages
  readonly tally: DoorTally
  readonly log: LogSink
  /** The counter that the manifest declares under this name. */
  counter(name: string): { value: number } | undefined
  readonly faults: DoorFaults | null
}

/** Fails the `k`-th call of a door (0: the first), once; counts all calls. */
export class FailDoor implements DoorFaults {
  calls = 0
  /** The door that was made to fail, once it was. */
  failed: string | undefined
  readonly #k: number

  constructor(k: number) {
    this.#k = k
  }

  fails(door: string): boolean {
    if (this.calls++ !== this.#k) return false
    this.failed = door
    return true
  }
}
