import type { Arena } from './memory.js'

/** Ask for `work` to run once after `ns`, on the domain's engine. */
export type After = (ns: number, work: () => void) => { cancel(): void }

/** Linux drivers/xen/grant-table.c: retry after a second, ten entries a pass, complain after a minute. */
const RETRY_NS = 1_000_000_000
const PER_PASS = 10
const PASSES_TO_STUCK = 60

interface Waiting {
  readonly ref: number
  readonly arena: Arena | undefined
  passes: number
}

export interface DeferredGrantsParts {
  readonly after: After | undefined
  /** End access now; false while in use. */
  readonly tryEnd: (ref: number) => boolean
  /** The reference and its pages may be used again. */
  readonly finish: (ref: number, arena: Arena | undefined) => void
  /** A peer has held the reference for a minute. */
  readonly stuck: ((ref: number) => void) | undefined
}

/** Grants whose access could not be ended yet: reference and pages stay out of use until the peer lets go. */
export class DeferredGrants {
  #waiting: Waiting[] = []
  #parts: DeferredGrantsParts
  #timer: { cancel(): void } | null = null

  constructor(parts: DeferredGrantsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#waiting.length
  }

  add(ref: number, arena: Arena | undefined): void {
    this.#waiting.push({ ref, arena, passes: 0 })
    this.#arm()
  }

  /** One pass: the first ten; who is still in use goes to the end of the line. */
  retry(): void {
    const turn = this.#waiting.splice(0, PER_PASS)
    for (const entry of turn) {
      if (this.#parts.tryEnd(entry.ref)) {
        this.#parts.finish(entry.ref, entry.arena)
        continue
      }
      entry.passes++
      if (entry.passes === PASSES_TO_STUCK) this.#parts.stuck?.(entry.ref)
      this.#waiting.push(entry)
    }
    this.#arm()
  }

  /** No more passes: what still waits is lost with the domain. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #arm(): void {
    if (this.#timer !== null || this.#waiting.length === 0 || this.#parts.after === undefined) return
    this.#timer = this.#parts.after(RETRY_NS, () => {
      this.#timer = null
      this.retry()
    })
  }
}
