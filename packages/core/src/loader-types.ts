// What the loader needs of a host, and what it gives back.
import type { HalfDescription } from './attachment/half-description.js'
import type {
  BackendAccelerator,
  FrontendAccelerator,
  HalfContext,
  Halves,
  HalfName,
  HardwareContext,
  Manifest,
  RemoveReason,
  VersionRange,
} from './contract/index.js'
import type { ControlClock } from './control-clock.js'
import type { EventHub } from './event-hub.js'
import type { PluginIntegrity } from './integrity.js'
import type { Lease } from './lease.js'
import type { Registry } from './registry.js'
import type { StopReport } from './registry-types.js'

/** What is known of a generation before its set-up. */
export interface GenerationFacts {
  readonly manifest: Manifest
  /** The plugin's name; for a hardware half the name of the NIC. */
  readonly name: string
  readonly half: HalfName
  /** The version of the contract that was agreed. */
  readonly version: number
  /** SHA-256 of the artefact's bytes. */
  readonly hash: string
  readonly options: Readonly<Record<string, unknown>>
  /** Counts the tasks of the generation's own scope; not part of what an unload waits for. */
  readonly lease: Lease
  /** What the manifest declares, with the counters of this generation. */
  readonly description: HalfDescription
  /** Ask for the end of this generation: what `HalfContext.requestUnload` calls. Returns at once. */
  readonly requestUnload: (reason: string) => void
}

/** What was left when a scope had closed. */
export interface ScopeRemains {
  readonly tasks: readonly string[]
  readonly failures: readonly string[]
}

/** The scope of one generation, in engine time. */
export interface OpenScope<C = HalfContext> {
  readonly context: C
  /** Undoes all that was taken, newest first. `forced`: without asking the plugin. */
  close(forced: boolean): Promise<ScopeRemains>
}

/**
 * Puts other halves in the place of those that an artefact exports, before any of them is set up: a recorder, a tracer, a
 * fault injector look like what they wrap. Only the halves change; what `prove` looks for is still the artefact's.
 */
export type WrapHalves = (halves: Halves, facts: GenerationFacts) => Halves

export interface LoaderOptions {
  /** The namespace of @netaccel/core as the host imported it: `import * as core from '@netaccel/core'`. */
  readonly core: object
  readonly clock: ControlClock
  /** The registries of this domain; a half for which there is none is refused. */
  readonly frontend?: Registry<FrontendAccelerator>
  readonly backend?: Registry<BackendAccelerator>
  /** Opens the scope of a frontend or backend generation. */
  readonly openScope: (facts: GenerationFacts) => OpenScope
  /** Opens the scope of a hardware half; without it hardware is refused. */
  readonly openHardware?: (facts: GenerationFacts) => OpenScope<HardwareContext>
  /** Versions for hardware halves; default `CONTRACT_VERSIONS`. */
  readonly versions?: VersionRange
  /** Milliseconds of engine time that a set-up may take; default 2000. */
  readonly setupDeadlineMs?: number
  /** Default: each half as it is. */
  readonly wrap?: WrapHalves
  readonly events?: EventHub
}

export interface LoadOptions {
  /** Given to the half as `context.options`. */
  readonly options?: Readonly<Record<string, unknown>>
  /** Load at this version of the contract; default: the highest that both sides have. */
  readonly version?: number
  /** What the bytes must be: of a tarball, or of each artefact. */
  readonly integrity?: PluginIntegrity
}

export interface UnloadOptions {
  readonly reason?: RemoveReason
  /** Milliseconds of engine time after which it is forced; default: as the registry has it, 10,000. */
  readonly deadlineMs?: number
}

/** A half that is in. */
export interface LoadedHalf {
  readonly name: string
  readonly half: HalfName
  /** The version of the contract that was agreed. */
  readonly version: number
  readonly hash: string
  readonly packageName: string
  readonly packageVersion: string
}

/** How an unload went. */
export interface UnloadReport extends StopReport {
  readonly half: HalfName
  /** Hash of what was unloaded; undefined when nothing was loaded. */
  readonly hash: string | undefined
}

/** How an upgrade went. `rolledBack`: the new half failed and the old bytes were loaded again; `cause` says why. */
export interface UpgradeReport {
  readonly loaded: LoadedHalf
  readonly unloaded: UnloadReport
  readonly rolledBack: boolean
  readonly cause: unknown
}

/** What a proof found. */
export interface ProofReport {
  /** Generations that were collected since the last proof. */
  readonly proven: number
  readonly leaked: readonly LeakedHalf[]
}

/** A purged generation that is still reachable. */
export interface LeakedHalf {
  readonly name: string
  readonly half: HalfName
  readonly hash: string
  /** Which of its parts are alive, and who was seen to hold on to them. */
  readonly holders: readonly string[]
}
