// Picking from a recording.
import type { Call, ShapeName } from '../record/calls.js'

interface Picked {
  readonly calls: readonly Call[]
}

/** A recording by what was called: dozens of judges ask the same of hundreds of thousands of calls. */
interface Index {
  /** Calls that it has seen: a recording grows. */
  seen: number
  readonly byName: Map<ShapeName, Map<string, Call[]>>
}

const indexes = new WeakMap<readonly Call[], Index>()

/** Calls of an object's methods with one of these names: `callsOf(scene, 'queue', 'startXmit')`. All names if none is given. */
export function callsOf({ calls }: Picked, of: ShapeName, ...names: readonly string[]): readonly Call[] {
  const found = indexOf(calls).byName.get(of) ?? new Map<string, Call[]>()
  const lists = names.length === 0 ? [...found.values()] : names.map((name) => found.get(name) ?? [])
  return lists.length === 1 ? lists[0] : lists.flat().toSorted((a, b) => a.n - b.n)
}

function indexOf(calls: readonly Call[]): Index {
  const index = indexes.get(calls) ?? { seen: 0, byName: new Map() }
  indexes.set(calls, index)
  for (; index.seen < calls.length; index.seen += 1) {
    const call = calls[index.seen]
    if (call.role === 'callback') continue
    const names = index.byName.get(call.of) ?? new Map<string, Call[]>()
    const same = names.get(call.name) ?? []
    if (same.length === 0) index.byName.set(call.of, names.set(call.name, same))
    same.push(call)
  }
  return index
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
