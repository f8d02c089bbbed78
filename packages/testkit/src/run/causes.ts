import { firstCauses, impliedBy } from '@netaccel/core'
import type { RuleId } from '@netaccel/core'
import type { FirstCause } from './types.js'

/** Of the broken rules those that no other broken rule implies; beneath each the broken ones that it does. */
export function causesOf(broken: readonly RuleId[]): FirstCause[] {
  return firstCauses(broken).map((rule) => {
    const implied = impliedBy(rule)
    return { rule, consequences: broken.filter((other) => other !== rule && implied.has(other)) }
  })
}
