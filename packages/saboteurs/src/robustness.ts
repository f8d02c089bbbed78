// ER: what happens when something fails.
import type { Saboteur } from './saboteur.js'

export const robustnessSaboteurs: readonly Saboteur[] = []
