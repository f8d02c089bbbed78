import type { Call } from '../record/calls.js'

/** One thing that was seen to break a rule. */
export interface Finding {
  /** What was seen, as a sentence. */
  readonly sentence: string
  /** Virtual time, ns. */
  readonly at?: number
  /** Lines of what happened around it. */
  readonly context?: readonly string[]
}

/** What a look has found, and how often it has seen what the rule is about: never means that nothing was checked. */
export interface Judgement {
  readonly seen: number
  readonly findings: readonly Finding[]
}

/** More of the same kind say nothing new. */
const MOST = 5

/** Judge one after the other: `fault` gives a sentence for what breaks the rule, undefined for what does not. */
export function each<T>(
  of: Iterable<T>,
  fault: (one: T, index: number) => string | Finding | undefined,
): Judgement {
  const findings: Finding[] = []
  let seen = 0
  for (const one of of) {
    const found = fault(one, seen)
    seen += 1
    if (found !== undefined && findings.length < MOST)
      findings.push(typeof found === 'string' ? { sentence: found } : found)
  }
  return { seen, findings }
}

/** As {@link each}, over calls: the finding has the time of the call. */
export function eachCall(of: Iterable<Call>, fault: (call: Call) => string | undefined): Judgement {
  return each(of, (call) => {
    const sentence = fault(call)
    return sentence === undefined ? undefined : { sentence, at: call.at, context: [tellCall(call)] }
  })
}

export function together(...judgements: readonly Judgement[]): Judgement {
  return {
    seen: judgements.reduce((sum, { seen }) => sum + seen, 0),
    findings: judgements.flatMap(({ findings }) => findings).slice(0, MOST),
  }
}

/** `a.guest1 frontend #2 queue 0: startXmit(60 bytes) accepted`. */
export function tellCall({ place, name, frame, outcome, result, threw, role }: Call): string {
  const queue = place.queue === undefined ? '' : ` queue ${place.queue}`
  const given = frame === null ? '' : `${frame.length} bytes`
  const end =
    outcome === 'threw' || outcome === 'rejected'
      ? `${outcome} ${String(threw)}`
      : tellResult(outcome, result)
  return `${place.where} ${place.half}${queue}, ${role} ${name}(${given}): ${end}`
}

function tellResult(outcome: string, result: unknown): string {
  if (outcome === 'pending') return 'not settled'
  return typeof result === 'object' && result !== null ? 'an object' : String(result)
}
