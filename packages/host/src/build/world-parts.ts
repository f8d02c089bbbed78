// What a world is made of, and what is told to it.
import type { LoadOptions } from '@netaccel/core'
import type { Wire, WireLane } from '@netaccel/nic-sim'
import type { Timeline } from '@netaccel/xen'
import type { EdgeOracle } from '../check/oracle.js'
import type { Shelf } from './catalogue.js'
import type { Host } from './host.js'
import type { ReadPackage } from './plugin-folder.js'

export interface NamedLane {
  /** `a.eth0 -> b.eth0` */
  readonly name: string
  readonly from: string
  readonly to: string
  readonly lane: WireLane
  /** The cable, of which this is one direction. */
  readonly wire: Wire
}

/** What {@link build} has made. */
export interface WorldParts {
  readonly timeline: Timeline
  readonly oracle: EdgeOracle | null
  readonly hosts: ReadonlyMap<string, Host>
  readonly lanes: readonly NamedLane[]
  readonly shelf: Shelf
  readonly readPackage: ReadPackage
  readonly undo: () => Promise<void>
}

/** What a plugin's halves are told, what their bytes must be, and where they are loaded. */
export interface WorldLoadOptions extends LoadOptions {
  /** Names of the hosts; default all. */
  readonly hosts?: readonly string[]
}

export interface WorldUnloadOptions extends Pick<WorldLoadOptions, 'hosts'> {
  /** Milliseconds of the world's time after which each half is forced; default 10,000. */
  readonly deadlineMs?: number
}
