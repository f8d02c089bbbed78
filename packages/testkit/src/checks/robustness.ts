// ER: what happens when something fails.
import type { Check } from '../kit/check.js'

export const robustnessChecks: readonly Check[] = []
