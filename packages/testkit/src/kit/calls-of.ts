// Picking from a recording.
import type { Call, ShapeName } from '../record/calls.js'

interface Picked {
  readonly calls: readonly Call[]
}

/** Calls of an object's methods with one of these names: `callsOf(scene, 'queue', 'startXmit')`. All names if none is given. */
export function callsOf({ calls }: Picked, of: ShapeName, ...names: readonly string[]): Call[] {
  return calls.filter(
    (call) => call.of === of && call.role !== 'callback' && (names.length === 0 || names.includes(call.name)),
  )
}

/** Calls that were made while this one was on the stack, of any depth. */
export function callsWithin({ calls }: Picked, { n, last }: Call): readonly Call[] {
  return calls.slice(n + 1, last)
}

/** Groups by what `key` says, in order. */
export function groupBy<T, K>(of: Iterable<T>, key: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const one of of) {
    const name = key(one)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [one])
    else group.push(one)
  }
  return groups
}

/** One queue of one attachment: frames lent to one are never given back to another. */
export function queueKey({ place }: Call): string {
  return `${place.where} ${place.attachment} ${place.queue ?? 0}`
}
