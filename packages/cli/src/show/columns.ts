/** Rows of cells as aligned lines: texts to the left, numbers to the right. The first row is the head. */
export function columns(rows: readonly (readonly string[])[], numeric: readonly boolean[] = []): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, i) => (numeric[i] === true ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd(),
  )
}

/** Print one line each. */
export function printLines(lines: readonly string[]): void {
  for (const line of lines) console.log(line)
}

/** Three digits and a unit: 950, 12.3k, 4.56M. */
export function short(value: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)}${unit}`
  }
  return value.toFixed(0)
}

/** `850 us`, `12.3 ms`, `1.50 s`. */
export function duration(ns: number): string {
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} us`
  return ns < 1e9 ? `${(ns / 1e6).toPrecision(3)} ms` : `${(ns / 1e9).toPrecision(3)} s`
}
