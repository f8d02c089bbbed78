// CT: the two halves, and what a hostile one may do.
import type { Check } from '../kit/check.js'

export const conversationChecks: readonly Check[] = []
