import { styleText } from 'node:util'
import { short } from '../show/columns.js'
import { gbpsOf } from './meter.js'
import type { Reading, Span } from './meter.js'

const HEADER_EVERY = 20
const COLUMNS = [
  ['s', 5],
  ['Gb/s', 7],
  ['a>b slow', 9],
  ['fast', 8],
  ['b>a slow', 9],
  ['fast', 8],
  ['filters', 8],
  ['leases', 7],
  ['drops', 6],
] as const

/** Where lines go, and whether colours mean anything there. */
export interface Output {
  line(text: string): void
  readonly colours: boolean
}

/** The live table: a line a second, and a line for each thing that happens. Plain text where there is no terminal. */
export class LiveTable {
  readonly #output: Output
  #rows = 0

  constructor(output: Output) {
    this.#output = output
  }

  /** One second: wire segments a second by path, as the senders' forks counted them. */
  row(span: Span, reading: Reading): void {
    if (this.#rows++ % HEADER_EVERY === 0) this.#header()
    const rate = (count: number): string => short(span.seconds > 0 ? count / span.seconds : 0)
    const [a, b] = span.guests
    const gbps = gbpsOf(span)
    const cells = [
      (span.from / 1e9 + span.seconds).toFixed(0),
      gbps.toFixed(gbps < 0.1 ? 4 : 2),
      ...[a, b].flatMap((guest) =>
        guest === undefined ? ['-', '-'] : [rate(guest.tx.slow.segments), rate(guest.tx.fast.segments)],
      ),
      String(reading.filters),
      String(reading.leases),
      dropsText(reading.dropped),
    ]
    this.#output.line(cells.map((cell, i) => cell.padStart(COLUMNS[i]?.[1] ?? 0)).join(' '))
  }

  event(text: string): void {
    this.#output.line(this.#paint('cyan', `----- ${text}`))
  }

  #header(): void {
    this.#output.line(this.#paint('bold', COLUMNS.map(([name, width]) => name.padStart(width)).join(' ')))
  }

  #paint(style: 'bold' | 'cyan', text: string): string {
    return this.#output.colours ? styleText(style, text) : text
  }
}

/** `0`, or each reason with its count. */
function dropsText(dropped: Reading['dropped']): string {
  const reasons = Object.entries(dropped).filter(([, count]) => count !== undefined && count > 0)
  return reasons.length === 0 ? '0' : reasons.map(([reason, count]) => `${reason}:${count}`).join(' ')
}
