// CT: the two halves, and what a hostile one may do.
import type { Saboteur } from './saboteur.js'

export const conversationSaboteurs: readonly Saboteur[] = []
