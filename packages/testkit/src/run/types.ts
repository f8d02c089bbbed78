// What a run of the kit gives: plain data.
import type { RuleId } from '@netaccel/core'

/** `waived`: the author gave a reason not to check it. */
export type Outcome = 'passed' | 'not applicable' | 'waived' | 'failed'

/** What was seen to break a rule, and where. */
export interface Evidence {
  readonly sentence: string
  /** Name of the act in which it was seen. */
  readonly act: string
  readonly seed: number
  /** Virtual time in ns; null: at no particular time. */
  readonly at: number | null
  readonly context: readonly string[]
}

export interface RuleResult {
  readonly rule: RuleId
  readonly outcome: Outcome
  /** Why it does not apply, or was waived; empty otherwise. */
  readonly reason: string
  /** How often what the rule is about was seen. */
  readonly seen: number
  readonly evidence: readonly Evidence[]
}

/** A broken rule that no other broken rule implies, with those that it does. */
export interface FirstCause {
  readonly rule: RuleId
  readonly consequences: readonly RuleId[]
}

export interface KitReport {
  readonly kitVersion: string
  readonly plugin: {
    /** Of the manifest, and of the package. */
    readonly name: string
    readonly packageName: string
    readonly version: string
    readonly integrity: string
  }
  readonly full: boolean
  readonly seed: number
  readonly seconds: number
  readonly counts: Readonly<Record<Outcome, number>>
  readonly rules: readonly RuleResult[]
  readonly firstCauses: readonly FirstCause[]
  /** No rule is broken. */
  readonly passed: boolean
}

/** A rule that is not to be checked, and why. */
export interface Waiver {
  readonly rule: string
  readonly reason: string
}
