import type { VifLimits } from '../scope/backend-doors.js'
import type { DoorStore } from '../scope/door-domain.js'

/** What a vif gets when its directory does not say otherwise: the defaults of Solarflare's netback plugin. */
export const DEFAULT_LIMITS: VifLimits = { filters: 8, bufferPages: 384, multicasts: 8 }

const KEYS = ['limits/max-filters', 'limits/max-buf-pages', 'limits/max-mcasts'] as const

/** The quotas of a vif, read as one group: if any of the three is missing or no number, all take their defaults. */
export async function readLimits(store: DoorStore, directory: string): Promise<VifLimits> {
  const texts = await Promise.all(KEYS.map((key) => store.read(`${directory}/${key}`).catch(() => undefined)))
  const [filters, bufferPages, multicasts] = texts.map((text) =>
    text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined,
  )
  if (filters === undefined || bufferPages === undefined || multicasts === undefined) return DEFAULT_LIMITS
  return { filters, bufferPages, multicasts }
}
