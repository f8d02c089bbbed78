// MEM: pages, grants, mappings and frames.
import type { Saboteur } from './saboteur.js'

export const memorySaboteurs: readonly Saboteur[] = []
