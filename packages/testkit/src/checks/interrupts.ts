// IR: polls, interrupts and room.
import type { Check } from '../kit/check.js'

export const interruptsChecks: readonly Check[] = []
