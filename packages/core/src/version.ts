// Version negotiation: the original's rule, extended to ranges.
import { AcceleratorError } from './errors.js'
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

/**
 * The version at which a half is loaded: the highest that both have, or the one that is asked for. Throws `ENEWER` or
 * `EPROTO` with both ranges in the message, and `NO_HALF` when the half has no range. `who` is for messages.
 */
export function agreeVersion(
  who: string,
  half: VersionRange | undefined,
  host: VersionRange,
  asked?: number,
): number {
  if (half === undefined) throw new AcceleratorError('NO_HALF', `${who} has no range in apiVersion`)
  const ranges = `${who} works at ${half[0]} to ${half[1]}, this host provides ${host[0]} to ${host[1]}`
  if (asked !== undefined && (asked < half[0] || asked > half[1]))
    throw new AcceleratorError('BAD_ARGUMENT', `version ${asked} was asked for, ${ranges}`)
  const agreed = negotiate(asked === undefined ? half : [asked, asked], host)
  if (agreed.ok) return agreed.version
  throw new AcceleratorError(agreed.refusal === 'newer' ? 'ENEWER' : 'EPROTO', ranges)
}
