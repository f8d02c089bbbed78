// The contract between host and plugin, version 1: the words that both halves share.
//
// Everything here is read-only for the plugin, except the fields that say otherwise. The rules named in brackets are
// those of `rules/`; `explain('TX-02')` prints them.
import type { Arena, Page, View } from './memory.js'

/** An Ethernet address in lower-case colon form, `00:16:3e:00:00:01`. */
export type Mac = string

/** Number of a domain, as Xen gives it: 0 is the driver domain here. */
export type DomainId = number

/** Index of a grant entry in the granting domain's table. */
export type GrantRef = number

/** One of Xen's GNTST codes when it went wrong: always below 0 (Xen public/grant_table.h). */
export type GrantStatus = number

/**
 * What a plugin declares that it does. A capability switches the host's work on, not the hooks: without `tx` frames are
 * still offered and none may be accepted, and no order fence runs; without `tx-gso` or `tx-checksum` a frame that needs
 * it is not offered. Declared and never seen at work breaks VN-05, seen and not declared VN-06.
 */
export type Capability =
  | 'tx'
  | 'tx-checksum'
  | 'tx-gso'
  | 'rx'
  | 'rx-checksum'
  | 'rx-merge'
  | 'queues'
  | 'vi'
  | 'filters'
  | 'observe'
  | 'peers'

/** Why `remove` is called. */
export type RemoveReason =
  | 'detached'
  | 'unloaded'
  | 'upgraded'
  | 'suspended'
  | 'disconnected'
  | 'peer-gone'
  | 'port-gone'
  | 'reset'
  | 'failed'
  | 'forced'

/** Lowest and highest version of an API that a half works at, both included (VN-02). */
export type VersionRange = readonly [min: number, max: number]

/** The `netaccel` object of a plugin's package.json: read before any of its code runs (VN-01). */
export interface Manifest {
  /** Name of the plugin, the word that `accel-frontend` and `control/accel-module/<name>` hold. */
  readonly name: string
  /** Versions of the contract that each half works at; an absent half stands for no such half. */
  readonly apiVersion: { readonly frontend?: VersionRange; readonly backend?: VersionRange }
  /** Path of the frontend half's one-file CommonJS artefact, relative to the package. */
  readonly frontend?: string
  /** Path of the backend half's artefact. */
  readonly backend?: string
  /** Path of the artefact of a NIC kind of the plugin's own. */
  readonly hardware?: string
  readonly capabilities: readonly Capability[]
  /** The `node:` modules that the artefacts require (VN-03). */
  readonly uses?: readonly `node:${string}`[]
  /** The counters that the plugin keeps: name to the sentence that `status` and `explain` print. */
  readonly counters?: Readonly<Record<string, string>>
}

/** A timer of {@link Scope.after}; it ends with its scope. */
export interface ScopeTimer {
  /** Does nothing once it has fired, or twice. */
  cancel(): void
  /**
   * Runs the same work once `ms` milliseconds have passed, counted from now. What runs at intervals asks for it from its
   * own work: it costs no new timer, and leaves no garbage. Throws CLOSED once the scope begins to close.
   */
  again(ms: number): void
}

/**
 * Doors: all that allocates or changes the world. Each taking is recorded and undone, newest first, when the scope
 * closes (MEM-01). A door of a closed scope does nothing and throws `CLOSED` where it would have given something out
 * (LC-04).
 */
export interface Scope {
  /** Aborted when the scope begins to close. */
  readonly signal: AbortSignal
  /** The engine's clock, in nanoseconds. */
  now(): number
  /** Runs `work`, which is synchronous, `ms` milliseconds of engine time from now. */
  after(ms: number, work: () => void): ScopeTimer
  /** The only home of a promise that nobody awaits (ER-02); holds a lease while it runs. */
  task(name: string, work: (signal: AbortSignal) => Promise<void>): void
  /** A counter that the manifest declares, bumped in place: `counter('frames_cut').value++`. */
  counter(name: string): { value: number }
  log(level: 'info' | 'warn' | 'error', text: string, cause?: unknown): void
  /** Pushes an undo of the plugin's own on the scope's clean-up stack. */
  undo(work: () => void | Promise<void>): void
  /** A scope inside this one; closed with it at the latest. */
  child(name: string): Scope & Closable
}

export interface Closable {
  /** Undoes everything taken through it, newest first. Closing twice joins the first closing. */
  close(): Promise<void>
}

/**
 * The doors of one vif. Local want throws `AcceleratorError` (NO_MEMORY, NO_GRANTS, NO_PORTS, CLOSED); what the peer did
 * wrong comes back as a status: a peer cannot make a half throw.
 */
export interface VifScope extends Scope {
  readonly handle: number
  readonly mac: Mac
  readonly queueCount: number
  /** The domain at the other end: the driver domain for a frontend half, the guest for a backend half. */
  readonly peer: DomainId
  readonly keys: Keys
  /** Contiguous zeroed pages of this domain. */
  arena(pages: number): Arena
  /** Grants one page. `to` other than the peer needs capability `peers`; so do `from` and `remote` below. */
  grant(page: Page, access: 'ro' | 'rw' | 'io', to?: DomainId): GrantRef
  /** False: still mapped there. The host tries again each second and keeps the page out of use (MEM-04). */
  endGrant(ref: GrantRef): boolean
  /** Maps pages that the peer granted: all of them or none. */
  map(refs: readonly GrantRef[], access: 'ro' | 'rw', from?: DomainId): Mapping | GrantStatus
  mapIo(ref: GrantRef): IoPage | GrantStatus
  /** Grant copy from offset `from` of the peer's page into `to` at byte `at`. */
  copy(ref: GrantRef, from: number, to: Arena, at: number, length: number): GrantStatus | 0
  /** Opens an unbound event-channel port. `event` may schedule a poll, mask, or start a task, and no more. */
  listen(event: () => void, remote?: DomainId): Channel
  /** Binds to a port that the peer listens on; undefined: it has no such port for us. */
  connect(port: number, event: () => void, remote?: DomainId): Channel | undefined
  /** Asks the host to detach this vif. May be called from anywhere, also inside a hook: returns at once (LC-08). */
  requestDetach(reason: string): void
  /** For instance one per conversation with the other half, so that its end undoes all that it took (MEM-01). */
  child(name: string): VifScope & Closable
}

/** Pages of another domain, mapped. */
export interface Mapping {
  readonly pages: readonly (View & { readonly page: Page })[]
  /** All of them as one range, when they are one arena's pages in order. */
  readonly whole?: View
  unmap(): void
}

/** A page of device registers: a doorbell. */
export interface IoPage {
  write32(offset: number, value: number): void
  read32(offset: number): number
}

/** One end of an event channel. */
export interface Channel {
  readonly port: number
  notify(): void
  mask(): void
  unmask(): void
}

/** The store keys of this vif and of its other half. A plugin's own keys begin with `accel` (CT-03). */
export interface Keys {
  read(key: string): Promise<string | undefined>
  readPeer(key: string): Promise<string | undefined>
  /** One transaction; undefined removes a key. False: the directory is gone. */
  write(entries: Readonly<Record<string, string | undefined>>): Promise<boolean>
  /** Fires once at once; several changes may be merged into one call. */
  watch(key: string, changed: () => void): void
  watchPeer(key: string, changed: () => void): void
}

/** What a half gets at set-up: the scope of one generation in one domain. */
export interface HalfContext extends Scope {
  readonly name: string
  /** The version of the contract that was agreed (VN-02). */
  readonly version: number
  readonly domain: DomainId
  readonly options: Readonly<Record<string, unknown>>
  /** Asks the host to unload this generation. Returns at once (LC-08). */
  requestUnload(reason: string): void
}
