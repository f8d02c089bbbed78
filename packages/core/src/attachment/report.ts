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

/** Of a detach that was forced: who still held what, for the report of an unload. Empty for one in good order. */
export function heldAtLast(report: DetachReport | undefined): string[] {
  if (report === undefined || !report.forced) return []
  const { vif, late, lastHook, leases, tasks, failures, framesDropped, kept } = report
  const counts = Object.entries(leases).filter(([, count]) => count > 0)
  const lines = [
    ...late,
    ...counts.map(([kind, count]) => `held ${count} ${kind}`),
    ...(lastHook === undefined ? [] : [`was last in ${lastHook}`]),
    ...(framesDropped > 0 ? [`${framesDropped} lent frames were dropped`] : []),
    ...tasks.map((task) => `the task '${task}' has not ended`),
    ...failures,
    ...kept.map(({ page, by, ref }) => `page ${page} is still mapped by domain ${by} (grant ${ref})`),
  ]
  return lines.map((line) => `${vif}: ${line}`)
}
