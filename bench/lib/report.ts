import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/** One measured figure. `ratio` and `met` are null where there is nothing to compare with. */
export interface Row {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What it was compared with, in the same run. */
  readonly reference: string | null
  readonly ratio: number | null
  readonly target: number | null
  readonly met: boolean | null
}

/** A row that is judged by its ratio to a reference figure of the same unit. */
export function compared(
  name: string,
  value: number,
  unit: string,
  reference: { readonly name: string; readonly value: number; readonly ratio?: number },
  target: number | null,
): Row {
  const ratio = reference.ratio ?? value / reference.value
  return {
    name,
    value,
    unit,
    reference: reference.name,
    ratio,
    target,
    met: target === null ? null : ratio >= target,
  }
}

/** Print the rows as a table, add them to `--json FILE` if that was asked for, and set the exit status. */
export function report(rows: readonly Row[], argv: readonly string[] = process.argv): void {
  const table = rows.map((row) => [
    row.name,
    format(row.value),
    row.unit,
    row.ratio === null ? '' : row.ratio.toFixed(2),
    row.target === null ? '' : `>= ${row.target.toFixed(2)}`,
    row.met === null ? '' : row.met ? 'met' : 'MISSED',
    row.reference ?? '',
  ])
  const head = ['bench', 'value', 'unit', 'ratio', 'target', '', 'reference']
  const widths = head.map((title, i) => Math.max(title.length, ...table.map((cells) => cells[i].length)))
  for (const cells of [head, ...table]) {
    console.log(
      cells
        .map((cell, i) => (i === 0 || i > 4 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  '),
    )
  }
  const flag = argv.find((arg) => arg.startsWith('--json='))
  if (flag !== undefined) {
    const file = flag.slice('--json='.length)
    const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Row[]) : []
    writeFileSync(file, `${JSON.stringify([...before, ...rows], null, 2)}\n`)
  }
  if (rows.some((row) => row.met === false)) process.exitCode = 1
}

function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(4)
}
