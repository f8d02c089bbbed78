import type { Resources, Verdict, WorldStatus } from '@netaccel/host'
import type { Call, Stranger } from '../record/calls.js'
import type { Subject } from '../plugin/subject.js'
import type { Heard } from './heard.js'
import type { Arrival } from './vi-log.js'
import type { Seen } from './traits.js'
import type { OnWire } from './wire-log.js'

/** What every act leaves to be judged. */
export interface Scene {
  readonly act: string
  readonly seed: number
  readonly subject: Subject
  /** Every call over the border, in order. */
  readonly calls: readonly Call[]
  readonly events: readonly Heard[]
  /** Frames as they left a NIC. */
  readonly wire: readonly OnWire[]
  /** Frames as the host's own NIC laid them into virtual interfaces. */
  readonly arrivals: readonly Arrival[]
  /** Why the last load came to nothing; undefined: the plugin attached everywhere. */
  readonly refusal: string | undefined
  /** Nothing was in flight when the sources had fallen silent. */
  readonly drained: boolean
  /** Ledger and edge oracle over the whole act. */
  readonly verdict: Verdict
  /** What is taken still that was not before the first load, after the last unload. */
  readonly left: Partial<Resources>
  readonly status: WorldStatus
  /** Calls at doors whose scope had closed. */
  readonly lateCalls: number
  /** Members that a plugin looked for at a door and that the contract does not have. */
  readonly strangers: readonly Stranger[]
  /** What the trait has seen in which the act was run. */
  readonly surroundings: readonly Seen[]
}
