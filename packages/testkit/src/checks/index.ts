// Which check each rule has.
import { RULES } from '@netaccel/core'
import type { RuleId } from '@netaccel/core'
import type { Check } from '../kit/check.js'
import { conversationChecks } from './conversation.js'
import { departureChecks } from './departures.js'
import { filtersChecks } from './filters.js'
import { interruptsChecks } from './interrupts.js'
import { lifecycleChecks } from './lifecycle.js'
import { memoryChecks } from './memory.js'
import { offerChecks } from './offers.js'
import { performanceChecks } from './performance.js'
import { receiveChecks } from './receive.js'
import { robustnessChecks } from './robustness.js'
import { statisticsChecks } from './statistics.js'
import { transmitChecks } from './transmit.js'
import { versionChecks } from './version.js'

const families: readonly Check[] = [
  ...versionChecks,
  ...lifecycleChecks,
  ...transmitChecks,
  ...offerChecks,
  ...departureChecks,
  ...receiveChecks,
  ...interruptsChecks,
  ...filtersChecks,
  ...memoryChecks,
  ...conversationChecks,
  ...statisticsChecks,
  ...robustnessChecks,
  ...performanceChecks,
]

const byRule: ReadonlyMap<RuleId, Check> = new Map(families.map((check) => [check.rule, check]))

/** In the order of the rules. */
export const CHECKS: readonly Check[] = RULES.flatMap(({ id }) => byRule.get(id) ?? [])
