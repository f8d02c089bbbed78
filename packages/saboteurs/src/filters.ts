// FL: receive filters, and what hardware owes to the order of frames.
import type { Saboteur } from './saboteur.js'

export const filtersSaboteurs: readonly Saboteur[] = []
