import type { GrantOps } from '@netaccel/xen'

/**
 * What netback does with the bytes of a packet that are not its header, beside its usual way (every byte is copied through
 * the grants and answered at once).
 *
 * 'none' (DONT_COPY): they stay in the guest's pages, which are mapped until the packet has left.
 * 'delayed' (DELAYED_COPY): the same, but what lingers for half a second is copied, and the guest gets its pages back.
 * 'always' (ALWAYS_COPY): they are mapped, and copied before anyone sees the packet.
 * 'netloop': they are mapped, and copied by a loop device on their way to the bridge: what delayed copying replaced.
 */
export type LazyCopyMode = 'none' | 'delayed' | 'always' | 'netloop'

export interface LazyCopyOptions {
  /** Map what guests send instead of copying it through the grants, and copy it then or never. Unset: nothing is mapped. */
  readonly lazyCopy?: LazyCopyMode | undefined
  /**
   * Packets of up to so many bytes are copied whole through the grants and answered at once: to copy one page costs less
   * than to map and unmap it. Default 128, the header, as the original has it. Only with `lazyCopy`.
   */
  readonly copyBreak?: number | undefined
  /** A seed: answers are given in any order, for finding frontends that count on one. Only with `lazyCopy`. */
  readonly permuteReturns?: number | undefined
}

/**
 * The mode that the hypervisor lets a domain have: without GNTTABOP_unmap_and_replace nothing can be exchanged under a
 * packet, so 'delayed' becomes 'always'. Asked as the original did, by the operation with no structs at all. In a
 * translated domain the operation is there and refuses everything, which that question does not show.
 */
export function possibleMode(wanted: LazyCopyMode, ops: GrantOps): LazyCopyMode {
  if (wanted !== 'delayed') return wanted
  return ops.probeUnmapAndReplace() !== 0 || ops.translated ? 'always' : 'delayed'
}

/** The backend takes packets of one slot only, and so none to be cut: who copies every packet wants them small. */
export function linearOnly(mode: LazyCopyMode): boolean {
  return mode === 'always'
}
