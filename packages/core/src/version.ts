// Version negotiation: the original's rule, extended to ranges.
import type { VersionRange } from './contract/index.js'

/** The versions of the contract that this core provides to either half. */
export const CONTRACT_VERSIONS: VersionRange = Object.freeze([1, 1] as const)

export type Negotiation =
  | { readonly ok: true; readonly version: number }
  /** The half is newer: it gets the host's highest version back and may try again with that one. */
  | { readonly ok: false; readonly refusal: 'newer'; readonly hostVersion: number }
  /** The half is older than anything the host still provides. */
  | { readonly ok: false; readonly refusal: 'EPROTO'; readonly hostVersion: number }

/**
 * The rule of `netfront_accelerator_loaded` for one version: equal (here: within the host's range) 0; a newer caller gets
 * the host's own version as a positive number and registers nothing; an older one is refused with EPROTO.
 */
export function checkVersion(version: number, host: VersionRange): 0 | number | 'EPROTO' {
  if (version > host[1]) return host[1]
  if (version < host[0]) return 'EPROTO'
  return 0
}

/** The highest version that both ranges hold. */
export function negotiate(half: VersionRange, host: VersionRange): Negotiation {
  if (half[0] > host[1]) return { ok: false, refusal: 'newer', hostVersion: host[1] }
  if (half[1] < host[0]) return { ok: false, refusal: 'EPROTO', hostVersion: host[1] }
  return { ok: true, version: Math.min(half[1], host[1]) }
}
