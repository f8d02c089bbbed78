// The phases of an attachment, as each end shows them to the other under `accel-phase`.
import type { DoorStore } from '../scope/door-domain.js'

/** Where a vif stands in netfront. `none` is shown by the absence of the key. */
export type FrontendPhase =
  | 'none'
  | 'requested'
  | 'declined'
  | 'attaching'
  | 'receiving'
  | 'active'
  | 'draining'
  | 'suspended'

/** Where a vif stands in netback; `none` as above. */
export type BackendPhase = 'none' | 'offered' | 'steering' | 'closing'

export const PHASE_KEY = 'accel-phase'
export const FRONTEND_KEY = 'accel-frontend'
/**
 * The number of the attachment that a phase belongs to, counted by netfront and repeated by netback. Watches merge
 * changes, so without it an answer to the last attachment could be taken for one to this.
 */
export const EPOCH_KEY = 'accel-fence-epoch'

/** A phase as it was read; `phase` is undefined when the other end shows none, or is gone. */
export interface ShownPhase {
  readonly phase: string | undefined
  readonly epoch: number
}

export const NO_PHASE: ShownPhase = { phase: undefined, epoch: 0 }

/** The phase shown in `directory`, both keys from one moment. What the peer wrote is only compared, never trusted. */
export function readPhase(store: DoorStore, directory: string): Promise<ShownPhase> {
  return store.transaction(async (tx) => {
    const phase = await tx.read(`${directory}/${PHASE_KEY}`)
    const epoch = await tx.read(`${directory}/${EPOCH_KEY}`)
    return { phase, epoch: epoch !== undefined && /^\d{1,9}$/.test(epoch) ? Number(epoch) : 0 }
  })
}

/**
 * Show a phase; undefined takes the key away. `also`: keys that change in the same transaction. False: the directory
 * is gone, and nothing was written.
 */
export function writePhase(
  store: DoorStore,
  directory: string,
  phase: string | undefined,
  epoch: number,
  also: Readonly<Record<string, string | undefined>> = {},
): Promise<boolean> {
  const shownEpoch = phase === undefined ? undefined : String(epoch)
  const entries = { ...also, [EPOCH_KEY]: shownEpoch, [PHASE_KEY]: phase }
  return store.transaction(async (tx) => {
    if ((await tx.read(directory)) === undefined) return false
    for (const [key, value] of Object.entries(entries)) {
      if (value !== undefined) await tx.write(`${directory}/${key}`, value)
      else if ((await tx.read(`${directory}/${key}`)) !== undefined) await tx.rm(`${directory}/${key}`)
    }
    return true
  })
}
