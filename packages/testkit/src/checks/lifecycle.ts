// LC: from the first set-up to the last removal.
import type { Check } from '../kit/check.js'

export const lifecycleChecks: readonly Check[] = []
