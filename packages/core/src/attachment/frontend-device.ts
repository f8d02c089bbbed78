import type { Engine } from '@netaccel/xen'
import type { AcceleratedVif, Capability, VifChange, View } from '../contract/index.js'
import type { HookName } from '../hook-table.js'
import type { LeaseSum } from '../lease.js'
import type { Fault } from '../queue-trampolines.js'
import type { FrontendFacts } from '../scope/frontend-doors.js'
import type { KeptPages } from '../scope/kept-pages.js'
import type { DoorFaults, LogSink } from '../scope/parts.js'
import type { PluginPool } from '../scope/plugin-pool.js'
import type { DoorTally } from '../scope/tally.js'
import type { DoorDomain } from '../scope/door-domain.js'

/** What the data path of one attachment is made of. */
export interface PathParts {
  /** Name of the accelerator. */
  readonly name: string
  readonly capabilities: ReadonlySet<Capability>
  /** The vif's lease; each queue adds its own. */
  readonly lease: LeaseSum
  /** The plugin's pools, for the frames that it delivers. */
  readonly pools: readonly PluginPool[]
  readonly tally: DoorTally
  /** Longest time that a frame is held back for the order of its flow, ns. */
  readonly holdNs: number
  /** A hook of `queue` failed. Called inside the hook: only note it. */
  onFault(queue: number, fault: Fault): void
  /** The queue's stack has waited for the hardware for a second, without a completion. */
  onTimeout(queue: number): void
}

/**
 * The data path of one attachment, over all its queues: netfront's side of the attachment. All but `open` cannot fail.
 */
export interface FrontendPaths {
  /** Received frames are kept in order over an insertion of a filter: there shall be a fence page. */
  readonly fenced: boolean
  /** Step 5: `openQueue` for each queue. Throws what the plugin throws. */
  open(vif: AcceleratedVif): void
  /** Step 5: the page that the backend shall map, for a path that holds frames back; called before `install`. */
  fence(page: View): void
  /** Step 6: swap the pointers; `poll` and interrupts are live, a first poll is scheduled, the TX gate is shut. */
  install(): void
  /** Step 8: from the next burst on frames are offered. */
  openGate(): void
  /** Step 2 of a detach: nothing is offered any more; the parked frame and all later ones go by the ring. */
  shutGate(): void
  /** Calls `work` once a poll has said 'idle' after this call, with nothing lent and no frame parked or held. */
  whenDrained(work: () => void): void
  /** Lent frames are dropped as `forced_detach` and kept until {@link FrontendPaths.quiet}; doors die. Their number. */
  force(): number
  /** Step 5: interrupts stopped, hooks cleared on every queue, polls scheduled, queues woken. */
  clear(): void
  /** The VI is quiet: frames that were taken back by force may be used again. */
  quiet(): void
  /** Frames that were taken back by force, or lost to a fault, and wait for {@link FrontendPaths.quiet}. */
  readonly aside: number
  /** Frames lent now. */
  readonly lent: number
  /** The hook last entered on any queue. */
  readonly lastHook: HookName | undefined
}

/** One connected device of netfront, as its attachments meet it. */
export interface FrontendDevice {
  /** For reports and events: `vif1.0`. */
  readonly name: string
  readonly domain: DoorDomain
  /** The vif's home engine: queue 0's. */
  readonly engine: Engine
  readonly facts: Omit<FrontendFacts, 'requestDetach'>
  paths(parts: PathParts): FrontendPaths
  /** MTU, MAC and carrier, while the device lives. The returned function ends it. */
  onChange(changed: (change: VifChange) => void): () => void
}

/** What all vifs of one domain share. */
export interface AttachmentHost {
  readonly kept: KeptPages
  readonly log: LogSink
  /** Makes doors fail, for tests; asked once for each attachment. */
  faults(vif: string): DoorFaults | null
}
