/**
 * Seconds of processor time that this process has used, in all its threads: what a bench of one thread is measured in,
 * since another process that takes the processor away then changes little. The collector and the compilers count.
 */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/**
 * Units of work a second of processor time: `work` is called for about `seconds`, and returns how many it did. Asking for
 * the processor's time is dear, so it is asked twice; the machine's clock says when to stop.
 */
export function rate(seconds: number, work: () => number): number {
  const start = cpuSeconds()
  const end = performance.now() + seconds * 1000
  let done = 0
  while (performance.now() < end) done += work()
  return done / (cpuSeconds() - start)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The median of ratios of figures that were taken in turns: what the machine did meanwhile, it did to both. */
export function medianRatio(values: readonly number[], references: readonly number[]): number {
  return median(values.map((value, i) => value / references[i]))
}
