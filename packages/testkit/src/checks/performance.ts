// PF: what the data path costs.
import type { Check } from '../kit/check.js'

export const performanceChecks: readonly Check[] = []
