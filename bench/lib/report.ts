import { readFileSync, writeFileSync } from 'node:fs'

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

/** What decides about a row: 'required' sets the exit status, a 'goal' is shown and does not yet. */
export type Weight = 'required' | 'goal'

interface Line {
  readonly row: Row
  readonly weight: Weight
  readonly atMost: boolean
}

/** What a figure was compared with, and how it stands to it. */
export interface Comparison {
  readonly name: string
  readonly ratio: number
}

/** The rows of one bench, printed as one table. */
export class Report {
  private readonly lines: Line[] = []
  private readonly remarks: string[] = []
  private failed = false

  /** A figure beside others, judged by nobody. */
  plain(name: string, value: number, unit: string): void {
    const row = { name, value, unit, reference: null, ratio: null, target: null, met: null }
    this.lines.push({ row, weight: 'required', atMost: false })
  }

  /** A figure whose ratio to a reference must reach `target`; null: only shown. True if it is reached or not asked for. */
  compared(
    name: string,
    value: number,
    unit: string,
    reference: Comparison,
    target: number | null,
    weight: Weight = 'required',
  ): boolean {
    const { ratio } = reference
    const met = target === null ? null : ratio >= target
    const row = { name, value, unit, reference: reference.name, ratio, target, met }
    this.lines.push({ row, weight, atMost: false })
    return met !== false
  }

  /** A figure that must stay below `target`. */
  below(name: string, value: number, unit: string, target: number): void {
    const row = { name, value, unit, reference: null, ratio: null, target, met: value < target }
    this.lines.push({ row, weight: 'required', atMost: true })
  }

  /** A sentence below the table. `fails`: the run has then failed. */
  remark(sentence: string, fails = false): void {
    this.remarks.push(sentence)
    if (fails) this.failed = true
  }

  /** Print, add to the file in which the run collects its rows, and set the exit status. */
  finish(): void {
    printTable(this.lines)
    for (const sentence of this.remarks) console.log(sentence)
    const file = process.env['NETACCEL_BENCH_JSON']
    if (file !== undefined) {
      const before = JSON.parse(readFileSync(file, 'utf8')) as Row[]
      writeFileSync(file, `${JSON.stringify([...before, ...this.lines.map(({ row }) => row)], null, 2)}\n`)
    }
    const missed = this.lines.some(({ row, weight }) => row.met === false && weight === 'required')
    if (missed || this.failed) process.exitCode = 1
  }
}

function printTable(lines: readonly Line[]): void {
  const head = ['bench', 'value', 'unit', 'ratio', 'target', '', 'reference']
  const table = lines.map(({ row, weight, atMost }) => [
    row.name,
    format(row.value),
    row.unit,
    row.ratio === null ? '' : row.ratio.toFixed(3),
    row.target === null ? '' : `${atMost ? '<' : '>='} ${row.target.toFixed(2)}`,
    row.met === null ? '' : judgement(row.met, weight),
    row.reference ?? '',
  ])
  const widths = head.map((title, i) => Math.max(title.length, ...table.map((cells) => cells[i].length)))
  const left = new Set([0, 2, 5, 6])
  for (const cells of [head, ...table]) {
    const padded = cells.map((cell, i) => (left.has(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
    console.log(padded.join('  ').trimEnd())
  }
}

function judgement(met: boolean, weight: Weight): string {
  if (weight === 'required') return met ? 'met' : 'MISSED'
  return met ? 'goal of the next stage: met' : 'goal of the next stage: not yet'
}

function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
