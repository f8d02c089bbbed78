import type { RemoveReason } from '../contract/index.js'
import type { FrontendPhase, ShownPhase } from './phase.js'

/** Why an attachment ends, and whether the vif may ask again by itself. */
export interface Leave {
  readonly reason: RemoveReason
  /** In words, for `FrontendControl.refusal`. */
  readonly why: string
  readonly failed: boolean
  /** The vif asks the registry again once it has left; otherwise it stays declined. */
  readonly again: boolean
}

const leave = (reason: RemoveReason, why: string, again = false): Leave => ({
  reason,
  why,
  failed: false,
  again,
})

export const DISCONNECTED = leave('disconnected', 'the vif disconnects')
export const SUSPENDED = leave('suspended', 'the guest is suspended')
export const WITHDRAWN = leave('detached', 'the offer was withdrawn')
const PEER_GONE = leave('peer-gone', 'the backend left', true)
const NOT_STARTED = leave('failed', 'the backend half could not start')

/** The backend said nothing for so long. */
export const unsteered = (ms: number): Leave =>
  leave('failed', `the backend did not say 'steering' within ${ms} ms`)

/**
 * What it means for an attachment in phase `here` that the backend shows `phase`. `ours`: with the number of this attachment.
 * Undefined: nothing.
 */
export function afterPeer(
  here: FrontendPhase,
  phase: ShownPhase['phase'],
  ours: boolean,
): 'activate' | Leave | undefined {
  if (here === 'active') return phase === 'steering' && ours ? undefined : PEER_GONE
  if (here !== 'receiving' || !ours) return undefined
  if (phase === 'steering') return 'activate'
  if (phase === 'closing') return NOT_STARTED
  // An offer that knows our number is younger than this attachment: what we hold is an older half's.
  return phase === 'offered' ? PEER_GONE : undefined
}
