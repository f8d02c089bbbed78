import type { BackendPhase, ShownPhase } from './phase.js'

type Shown = ShownPhase['phase']

/** Phases in which the frontend uses nothing of the backend's. */
const APART: ReadonlySet<Shown> = new Set([undefined, 'none', 'requested', 'declined', 'suspended'])

/** The frontend uses nothing of the backend's. */
export function isApart(shown: Shown): boolean {
  return APART.has(shown)
}

/**
 * What a backend in phase `here` does when its frontend shows `shown`. `known`: with the number of the attachment that was
 * steered, or answered, last. 'stop': it steers no more; 'start': it begins to; a phase: it says that it is in it.
 */
export function stepAfter(
  here: BackendPhase,
  shown: Shown,
  known: boolean,
): 'stop' | 'start' | 'closing' | 'offered' | 'none' {
  if (here === 'steering') return (shown === 'receiving' || shown === 'active') && known ? 'none' : 'stop'
  if (shown === 'receiving' && !known) return 'start'
  if (shown === 'draining' && (here !== 'closing' || !known)) return 'closing'
  return here === 'closing' && isApart(shown) ? 'offered' : 'none'
}
