/** Where a live table is drawn: standard output, as far as it is a terminal. */
export interface Screen {
  readonly columns?: number
  readonly rows?: number
  write(text: string): boolean
}

/** Cursor to the first column; clear from there to the end of the screen. */
const CLEAR_BELOW = '\r\u001B[J'

/**
 * Lines that are drawn over those drawn before, where the cursor stands: what the terminal showed before stays. A line that
 * does not fit is cut, as one that wraps could not be drawn over; so is the list, at the screen's height.
 */
export class LiveTable {
  readonly #screen: Screen
  #drawn = 0

  constructor(screen: Screen) {
    this.#screen = screen
  }

  draw(lines: readonly string[]): void {
    // A terminal that does not know its size says 0.
    const columns = this.#screen.columns || 80
    const rows = this.#screen.rows || 24
    const most = Math.max(2, rows - 1)
    const shown =
      lines.length > most ? [...lines.slice(0, most - 1), `… ${lines.length - most + 1} more`] : lines
    const up = this.#drawn === 0 ? '' : `\u001B[${this.#drawn}A`
    const text = shown.map((line) => `${line.length > columns ? `${line.slice(0, columns - 1)}…` : line}\n`)
    this.#drawn = shown.length
    this.#screen.write(`${up}${CLEAR_BELOW}${text.join('')}`)
  }

  /** Take away what is drawn. */
  clear(): void {
    if (this.#drawn > 0) this.#screen.write(`\u001B[${this.#drawn}A${CLEAR_BELOW}`)
    this.#drawn = 0
  }
}
