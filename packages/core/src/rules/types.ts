// The shape of a rule.

/** Letters of a rule's family, then two digits. */
export type RuleId =
  `${'VN' | 'LC' | 'TX' | 'RX' | 'IR' | 'FL' | 'MEM' | 'CT' | 'ST' | 'ER' | 'PF'}-${number}${number}`

/**
 * When a broken rule shows: L only under load, 2 at the second install or attachment, S after suspend, R about once in
 * 10,000 frames, H against a hostile end.
 */
export type RuleMark = 'L' | '2' | 'S' | 'R' | 'H'

export interface Rule {
  readonly id: RuleId
  /** What must hold. */
  readonly sentence: string
  /** What happened to those who did not hold it, or what is lost without it. */
  readonly why: string
  /** What the conformance kit does to see it broken. */
  readonly checkedBy: string
  /** The plugin that breaks this rule and no other. */
  readonly saboteur: string
  readonly marks: readonly RuleMark[]
  /** Rules that are broken as a consequence; of a broken set only those that no other implies are first causes. */
  readonly implies: readonly RuleId[]
  /** Binds hardware, not a frontend or backend half. */
  readonly hardware?: true
}
