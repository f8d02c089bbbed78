// RX: what a poll delivers.
import type { Check } from '../kit/check.js'

export const receiveChecks: readonly Check[] = []
