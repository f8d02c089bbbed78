// ST: counters.
import type { Saboteur } from './saboteur.js'

export const statisticsSaboteurs: readonly Saboteur[] = []
