// What an artefact exports.
import type { DefinedAccelerator, Halves } from './contract/index.js'

const defined = new WeakSet<object>()

/**
 * Says what halves a plugin has. An artefact's only export:
 *
 *     module.exports = defineAccelerator({ frontend(context) { … } })
 *
 * The result is frozen and marked as made here, so that the loader knows one from an object that looks like it.
 */
export function defineAccelerator(halves: Halves): DefinedAccelerator {
  const result: DefinedAccelerator = Object.freeze({ ...halves, contract: 1 as const })
  defined.add(result)
  return result
}

/** True for what this very core's `defineAccelerator` returned. */
export function isDefinedAccelerator(value: unknown): value is DefinedAccelerator {
  return typeof value === 'object' && value !== null && defined.has(value)
}
