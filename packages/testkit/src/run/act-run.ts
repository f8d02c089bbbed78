// Running acts and judging each as soon as it has ended, in this thread.
import { ruleOf } from '@netaccel/core'
import type { RuleId } from '@netaccel/core'
import { eventLoopTurn } from '@netaccel/xen'
import { ProcessListeners } from '../bench/process-listeners.js'
import type { Scene } from '../bench/scene.js'
import { TRAITS } from '../bench/traits.js'
import type { Trait } from '../bench/traits.js'
import { kitOf } from '../kit/act.js'
import type { Act, Kit } from '../kit/act.js'
import type { Check, Look } from '../kit/check.js'
import type { Subject } from '../plugin/subject.js'
import type { Judgement } from '../kit/judging.js'
import { refusals } from './refusals.js'
import type { Evidence } from './types.js'

/** What one act has shown of one rule. */
export interface Shown {
  readonly rule: RuleId
  readonly seen: number
  readonly evidence: readonly Evidence[]
}

/** The rule that what is named is there and can be loaded: without it there is nothing to look at. */
export const WHOLE: RuleId = 'VN-01'

/** The package is broken: no other act can be carried out. */
export function isHopeless(shown: readonly Shown[]): boolean {
  return shown.some(({ rule, evidence }) => rule === WHOLE && evidence.length > 0)
}

/**
 * Those that bind this plugin. What it does beyond its manifest is VN-06's, not theirs; what the host itself has refused
 * (below) binds everyone.
 */
function binding(checks: readonly Check[], subject: Subject): readonly Check[] {
  return checks.filter(({ unfit }) => unfit?.(subject) === undefined)
}

/** The acts that these checks need, each once, in the order of the checks. */
export function actsOf(checks: readonly Check[], kit: Pick<Kit, 'full' | 'subject'>): Act<unknown>[] {
  const acts = new Set(binding(checks, kit.subject).flatMap(({ looks }) => looks.map(({ act }) => act)))
  return [...acts].filter(
    ({ full, unfit }) => (full !== true || kit.full) && unfit?.(kit.subject) === undefined,
  )
}

/** An act, plain or in the surroundings of a trait. */
export interface Turn {
  readonly act: Act<unknown>
  readonly trait?: Trait
}

/** `steady`, `steady behind the tracer`: as it stands with each finding. */
export function nameOf({ act, trait }: Turn): string {
  return trait === undefined ? act.name : `${act.name} ${TRAITS[trait]}`
}

/** All that these checks need: the acts, and then, if traits are asked for, each again in its quick form with each trait. */
export function turnsOf(
  checks: readonly Check[],
  kit: Pick<Kit, 'full' | 'subject'>,
  traits: boolean,
): Turn[] {
  const turns: Turn[] = actsOf(checks, kit).map((act) => ({ act }))
  if (!traits) return turns
  const again = actsOf(checks, { ...kit, full: false }).filter(({ bare }) => bare !== true)
  const names = Object.keys(TRAITS) as Trait[]
  return [...turns, ...names.flatMap((trait) => again.map((act) => ({ act, trait })))]
}

/** Run one act, and judge it for every rule that looks at it. What the act itself throws is the kit's fault: it rejects. */
export async function runAct(turn: Turn, checks: readonly Check[], given: Kit): Promise<Shown[]> {
  const { act, trait } = turn
  const kit = trait === undefined ? given : kitOf({ ...given, trait }, false)
  const name = nameOf(turn)
  const listeners = new ProcessListeners()
  const floating = new FloatingPromises()
  let evidence: unknown
  try {
    evidence = await act.run(kit)
    // Unhandled rejections are told when the microtasks have run out.
    await eventLoopTurn()
  } finally {
    floating.end()
    listeners.restore()
  }
  const shown = binding(checks, kit.subject).flatMap(({ rule, looks }) =>
    looks.filter((each) => each.act === act).map((each) => judged(rule, each, evidence, kit.seed, name)),
  )
  const wanted = new Set(checks.map(({ rule }) => rule))
  const others = [...(isScene(evidence) ? refusals(evidence, name) : []), ...floating.found(name, kit.seed)]
  return [...shown, ...others.filter(({ rule }) => wanted.has(rule))]
}

function judged(rule: RuleId, { judge }: Look, evidence: unknown, seed: number, act: string): Shown {
  const { seen, findings }: Judgement = judge(evidence)
  return {
    rule,
    seen,
    evidence: findings.map(({ sentence, at = null, context = [] }) => ({
      sentence,
      act,
      seed,
      at,
      context,
    })),
  }
}

/** ER-02: promises that nobody awaited and that were rejected, in any act. */
class FloatingPromises {
  private readonly reasons: unknown[] = []
  private readonly hear = (reason: unknown): void => void this.reasons.push(reason)

  constructor() {
    process.on('unhandledRejection', this.hear)
  }

  end(): void {
    process.off('unhandledRejection', this.hear)
  }

  found(act: string, seed: number): Shown[] {
    if (this.reasons.length === 0 || ruleOf('ER-02') === undefined) return []
    const evidence = this.reasons.slice(0, 5).map((reason) => ({
      sentence: `a promise that nobody awaited was rejected: ${String(reason)}`,
      act,
      seed,
      at: null,
      context: [],
    }))
    return [{ rule: 'ER-02', seen: this.reasons.length, evidence }]
  }
}

function isScene(evidence: unknown): evidence is Scene {
  return typeof evidence === 'object' && evidence !== null && 'calls' in evidence && 'events' in evidence
}
