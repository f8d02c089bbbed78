import { MOST_LINE } from './host-protocol.js'

const NEWLINE = 10

/** Cuts what comes over a socket into lines. Keeps at most one line that is not whole yet. */
export class LineCutter {
  #kept: Buffer[] = []
  #length = 0

  /** Bytes of a line that has not ended. */
  get pending(): number {
    return this.#length
  }

  /** The lines that end within `chunk`, without their ends. `'too long'`: no line may be as long as what has come. */
  push(chunk: Buffer): string[] | 'too long' {
    const lines: string[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      if (!this.#keep(chunk.subarray(from, end))) return 'too long'
      lines.push(Buffer.concat(this.#kept).toString('utf8'))
      this.#kept = []
      this.#length = 0
      from = end + 1
    }
    return this.#keep(chunk.subarray(from)) ? lines : 'too long'
  }

  #keep(part: Buffer): boolean {
    this.#length += part.length
    if (this.#length > MOST_LINE) return false
    if (part.length > 0) this.#kept.push(part)
    return true
  }
}
