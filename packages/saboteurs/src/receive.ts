// RX: what a poll delivers.
import type { Saboteur } from './saboteur.js'

export const receiveSaboteurs: readonly Saboteur[] = []
