import type { Arena, Extent } from '@netaccel/xen'
import { PAGE_SIZE } from '@netaccel/xen'
import { ringPages } from '../constants.js'

/** Memory for the three rings, zeroed: whole, as pages, and as the part of each. */
export function openRings(
  extent: Extent,
  capacities: readonly number[],
): { whole: Arena; pages: Arena[]; parts: Arena[] } {
  const counts = capacities.map(ringPages)
  const whole = extent.allocPages(counts.reduce((sum, count) => sum + count, 0))
  const part = (first: number, count: number): Arena => ({
    ...whole,
    offset: whole.offset + first * PAGE_SIZE,
    length: count * PAGE_SIZE,
    pages: whole.pages.slice(first, first + count),
  })
  const parts: Arena[] = []
  let at = 0
  for (const count of counts) {
    parts.push(part(at, count))
    at += count
  }
  return { whole, pages: whole.pages.map((_, i) => part(i, 1)), parts }
}
