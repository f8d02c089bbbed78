import type { RemoveReason } from '../contract/index.js'
import type { HookName } from '../hook-table.js'
import type { LeaseKind } from '../lease.js'
import type { KeptPage } from '../scope/kept-pages.js'

/** How one attachment ended at one end. */
export interface DetachReport {
  readonly vif: string
  readonly accelerator: string
  readonly reason: RemoveReason
  /** A deadline passed, or a hook failed: what was held was taken back without asking the plugin. */
  readonly forced: boolean
  /** The deadlines that passed, in words. */
  readonly late: readonly string[]
  /** The hook last entered, when it was forced. */
  readonly lastHook: HookName | undefined
  /** What was still held when it was forced. */
  readonly leases: Readonly<Record<LeaseKind, number>>
  /** Tasks that did not settle. */
  readonly tasks: readonly string[]
  /** What could not be given back. */
  readonly failures: readonly string[]
  /** Frames lent to the plugin that were dropped as `forced_detach`. */
  readonly framesDropped: number
  /** Pages that the other end still maps. */
  readonly kept: readonly KeptPage[]
}
