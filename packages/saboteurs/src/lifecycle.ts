// LC: from the first set-up to the last removal.
import type { Saboteur } from './saboteur.js'

export const lifecycleSaboteurs: readonly Saboteur[] = []
