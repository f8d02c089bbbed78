// VN: manifest, versions, and what is declared.
import type { Check } from '../kit/check.js'

export const versionChecks: readonly Check[] = []
