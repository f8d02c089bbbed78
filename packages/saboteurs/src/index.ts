import { conversationSaboteurs } from './conversation.js'
import { filtersSaboteurs } from './filters.js'
import { interruptsSaboteurs } from './interrupts.js'
import { lifecycleSaboteurs } from './lifecycle.js'
import { memorySaboteurs } from './memory.js'
import { performanceSaboteurs } from './performance.js'
import { receiveSaboteurs } from './receive.js'
import { robustnessSaboteurs } from './robustness.js'
import { statisticsSaboteurs } from './statistics.js'
import { transmitSaboteurs } from './transmit.js'
import { versionSaboteurs } from './version.js'
import type { Saboteur } from './saboteur.js'

export { folderOf, soundSource, sourceOf, type Saboteur, type Sound } from './saboteur.js'

/** At least one for each rule. */
export const SABOTEURS: readonly Saboteur[] = [
  ...versionSaboteurs,
  ...lifecycleSaboteurs,
  ...transmitSaboteurs,
  ...receiveSaboteurs,
  ...interruptsSaboteurs,
  ...filtersSaboteurs,
  ...memorySaboteurs,
  ...conversationSaboteurs,
  ...statisticsSaboteurs,
  ...robustnessSaboteurs,
  ...performanceSaboteurs,
]
