// IR: polls, interrupts and room.
import type { Saboteur } from './saboteur.js'

export const interruptsSaboteurs: readonly Saboteur[] = []
