// PF: what the data path costs.
import type { Saboteur } from './saboteur.js'

export const performanceSaboteurs: readonly Saboteur[] = []
