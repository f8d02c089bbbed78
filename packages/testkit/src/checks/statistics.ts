// ST: counters.
import type { Check } from '../kit/check.js'

export const statisticsChecks: readonly Check[] = []
