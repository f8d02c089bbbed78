import type { Capability, RuleId } from '@netaccel/core'
import type { Subject } from '../plugin/subject.js'
import type { Act } from './act.js'
import type { Judgement } from './judging.js'

/** One check's view of one act. Made by {@link look}. */
export interface Look {
  readonly act: Act<unknown>
  readonly judge: (evidence: unknown) => Judgement
}

/** How one rule is checked. */
export interface Check {
  readonly rule: RuleId
  /** What it looks at. Findings of any look break the rule. */
  readonly looks: readonly Look[]
  /** Not for this plugin, and why; undefined: it is. */
  readonly unfit?: Fitness
  /** Why the rule does not apply when no look has seen what it is about: `nothing was accepted`. */
  readonly unseen: string
}

/** Why a rule does not bind a plugin; undefined: it does. */
export interface Fitness {
  (subject: Subject): string | undefined
  /** What the rule is about: it cannot be waived by a plugin that declares one of these. */
  readonly capabilities?: readonly Capability[]
}

/** `judge` sees what `act` has left. */
export function look<E>(act: Act<E>, judge: (evidence: E) => Judgement): Look {
  return { act, judge: (evidence) => judge(evidence as E) }
}

/** Reason for {@link Check.unfit}: the plugin does not declare any of these. */
export function needs(...capabilities: readonly Capability[]): Fitness {
  const unfit = ({ capabilities: declared }: Subject): string | undefined =>
    capabilities.some((each) => declared.has(each))
      ? undefined
      : `the manifest does not declare ${capabilities.join(' or ')}`
  return Object.assign(unfit, { capabilities })
}

/** Reason for {@link Check.unfit}: the plugin brings no hardware. */
export function needsHardware({ manifest }: Subject): string | undefined {
  return manifest.hardware === undefined ? 'the plugin brings no hardware' : undefined
}
