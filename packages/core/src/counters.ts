// Counters with names: those a plugin's manifest declares, and the host's own.
import { AcceleratorError } from './errors.js'

/** Bumped in place: `counter.value++`. */
export interface Counter {
  value: number
}

/** A closed set of counters, each with the sentence that `status` and `explain` print. */
export class Counters<Name extends string = string> {
  readonly sentences: Readonly<Record<Name, string>>
  readonly #of: string
  readonly #counters = new Map<string, Counter>()

  /** `of` names the owner in errors. */
  constructor(of: string, sentences: Readonly<Record<Name, string>>) {
    this.#of = of
    this.sentences = sentences
    for (const name of Object.keys(sentences)) this.#counters.set(name, { value: 0 })
  }

  /** Throws `NOT_DECLARED` for a name that is not in the set. */
  counter(name: Name): Counter {
    const counter = this.#counters.get(name)
    if (counter === undefined) throw new AcceleratorError('NOT_DECLARED', `counter ${name} of ${this.#of}`)
    return counter
  }

  /** Name and value of each, in declared order. */
  entries(): [name: Name, value: number][] {
    return [...this.#counters].map(([name, counter]) => [name as Name, counter.value])
  }

  /**
   * Adds another set's values to this one's: how a vif's counters become its generation's. Of two greatest values, whose
   * names end in `_max`, the greater is kept.
   */
  add(other: Counters<Name>): void {
    for (const [name, value] of other.entries()) {
      const counter = this.counter(name)
      if (name.endsWith('_max')) counter.value = Math.max(counter.value, value)
      else counter.value += value
    }
  }
}

const hostCounters = {
  late_calls: 'Calls of a plugin at doors of a closed scope; ignored.',
  refused_calls:
    'Calls of a plugin at doors that its contract does not allow there; refused and counted under the rule.',
  probe_failed: 'Probes of backend halves that threw, rejected or came late.',
  attach_failed: 'Attachments whose newDevice threw, rejected or came late.',
  attach_declined: 'Attachments that newDevice declined.',
  attached: 'Attachments that became active.',
  detached: 'Attachments that ended in order.',
  forced_detaches: 'Attachments that ended at a deadline, or after a fault, by force.',
  faults: 'Data-path hooks that threw or gave a value that their contract does not know.',
  tx_timeout: 'Queues whose stack waited a second for the hardware, without a completion.',
  grants_deferred: 'Grants that the other end still mapped when they were ended; tried again each second.',
  punished: 'Guests that a backend half accused of breaking the protocol.',
} as const

/** The counters that the host keeps for each vif, whatever the plugin. */
export type HostCounter = keyof typeof hostCounters
export const HOST_COUNTERS: Readonly<Record<HostCounter, string>> = hostCounters
