// What the recorder writes down: every call over the border between host and plugin, either way, in one order.
import type { HalfName } from '@netaccel/core'

/** The kinds of objects that cross the border; what each has is in `shapes.ts`. */
export type ShapeName =
  | 'halves'
  | 'context'
  | 'scope'
  | 'timer'
  | 'frontend'
  | 'frontendVif'
  | 'vif'
  | 'queueDoors'
  | 'queue'
  | 'backend'
  | 'backendVif'
  | 'probed'
  | 'port'
  | 'guestObserver'
  | 'portObserver'
  | 'vi'
  | 'filter'
  | 'keys'
  | 'pool'
  | 'mapping'
  | 'ioPage'
  | 'channel'
  | 'hardwareContext'
  | 'wire'
  | 'hardware'
  | 'hardwareVis'
  | 'hardwareVi'
  | 'hardwareFilters'
  | 'hardwareFilter'

/** Where a call was made: which half of which load, for which attachment and queue. */
export interface Place {
  /** `a.guest1`, `a.driver`. */
  readonly where: string
  readonly half: HalfName
  /** Counts the loads of a run, from 1. */
  readonly generation: number
  /** Counts the calls of `newDevice` and `probe` of a run, from 1; 0: not for one vif. */
  readonly attachment: number
  /** The vif's number in its guest; undefined: not for one vif. */
  readonly handle: number | undefined
  readonly queue: number | undefined
}

/** A frame as it was at one moment. The frame itself is used again. */
export interface FrameFacts {
  /** The same for the same `Frame` object, through all its lives. */
  readonly id: number
  readonly length: number
  readonly checksum: 'none' | 'blank' | 'verified'
  readonly gsoSize: number
  readonly segments: number
  /** Of all its bytes. */
  readonly hash: number
  /** Addresses, protocol and ports as one word; '' when it has none. */
  readonly flow: string
  /** The packet within its flow: TCP's sequence number, an echo's, else the IPv4 id. 0 when there is none. */
  readonly number: number
}

/**
 * How a call ended: `pending` while a promise has not settled, and for a call that is still on the stack.
 */
export type Outcome = 'returned' | 'threw' | 'pending' | 'resolved' | 'rejected'

/** One call over the border. Hooks and callbacks are the host's calls, doors the plugin's. */
export interface Call {
  /** Place in the order of all calls of the run, from 0. */
  readonly n: number
  /** Virtual time, ns. */
  readonly at: number
  readonly role: 'hook' | 'door' | 'callback'
  readonly of: ShapeName
  /** `startXmit`, `grant`; of a callback the door that it was given to. */
  readonly name: string
  readonly place: Place
  /** The hook or callback on whose stack it was made; null: on none, so after an `await`. */
  readonly within: Call | null
  readonly args: readonly unknown[]
  /** Of the frame that it was given, if it was given one. */
  readonly frame: FrameFacts | null
  /** Of the same frame when the hook had returned; null for doors and callbacks. */
  frameAfter: FrameFacts | null
  outcome: Outcome
  /** What it returned, or what the promise that it returned settled to. */
  result: unknown
  /** What it threw, or rejected with. */
  threw: unknown
  /** Virtual time at which it returned, and at which its promise settled; NaN before. */
  returnedAt: number
  settledAt: number
  /** Number that the next call had when it returned: calls n + 1 to `last - 1` were made while it ran. */
  last: number
}

/** A member that is not in the contract, looked for at a door. */
export interface Stranger {
  readonly of: ShapeName
  readonly name: string
  readonly place: Place
}
