import { Counters, HOST_COUNTERS } from '../counters.js'
import type { Counter, HostCounter } from '../counters.js'
import type { RuleId } from '../rules/types.js'

/**
 * What the host counts beside frames, for one vif or one half: calls that came too late, calls that a door refused,
 * and the rest of the host's counters. Bumped in place: a refusal on the data path allocates nothing after the first
 * of its kind.
 */
export class DoorTally {
  readonly counters: Counters<HostCounter>
  /** Called at each refusal, after it was counted. */
  onRefused: ((rule: RuleId) => void) | null = null
  /** Timers, tasks and events of the plugin that threw. */
  threw = 0
  readonly #late: Counter
  readonly #refused: Counter
  readonly #violations = new Map<RuleId, number>()

  /** `of` names the vif or half in errors. */
  constructor(of: string) {
    this.counters = new Counters(of, HOST_COUNTERS)
    this.#late = this.counters.counter('late_calls')
    this.#refused = this.counters.counter('refused_calls')
  }

  /** A door of a closed scope was called. */
  late(): void {
    this.#late.value++
  }

  get lateCalls(): number {
    return this.#late.value
  }

  /** A rule was broken where a door could see it; the door has refused. */
  violation(rule: RuleId): void {
    this.#refused.value++
    this.#violations.set(rule, (this.#violations.get(rule) ?? 0) + 1)
    if (this.onRefused !== null) this.onRefused(rule)
  }

  /** All broken rules with their counts, in the order in which they were first broken. */
  get violations(): ReadonlyMap<RuleId, number> {
    return this.#violations
  }

  bump(counter: HostCounter, by = 1): void {
    this.counters.counter(counter).value += by
  }
}
