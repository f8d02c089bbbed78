import { median, rate } from '../lib/cpu.js'

const ROUNDS = 7
const SECONDS = 0.15

/** Nanoseconds of processor time a unit: the median of several rounds. `work` returns how many units it did. */
export function nsEach(work: () => number): number {
  rate(SECONDS, work)
  return 1e9 / median(Array.from({ length: ROUNDS }, () => rate(SECONDS, work)))
}
