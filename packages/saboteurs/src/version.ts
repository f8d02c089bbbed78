// VN: manifest, versions, and what is declared.
import type { Saboteur } from './saboteur.js'

export const versionSaboteurs: readonly Saboteur[] = []
