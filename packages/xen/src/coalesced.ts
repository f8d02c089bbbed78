import type { Engine } from './engine.js'

/**
 * Runs one asynchronous piece of work at a time, however often it is asked for: while it runs, any number of further
 * requests becomes one more run. A peer that rewrites a watched node without end thus keeps one event pending, not a
 * queue of them (XSA-349).
 */
export class Coalesced {
  readonly #engine: Engine
  readonly #work: () => Promise<void>
  readonly #failed: (error: unknown) => void
  #running: Promise<void> | undefined
  #again = false
  #closed = false

  /** `failed` is told what the work throws; the next request runs it again. */
  constructor(engine: Engine, work: () => Promise<void>, failed: (error: unknown) => void) {
    this.#engine = engine
    this.#work = work
    this.#failed = failed
  }

  /** Asks for a run that begins after this call. */
  request(): void {
    if (this.#closed) return
    this.#again = true
    this.#running ??= this.#loop()
  }

  /** No further run begins; resolves when the one under way has ended. Not to be awaited inside the work itself. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  async #loop(): Promise<void> {
    this.#engine.asyncBegin()
    try {
      while (this.#again && !this.#closed) {
        this.#again = false
        try {
          await this.#work()
        } catch (error) {
          this.#failed(error)
        }
      }
    } finally {
      this.#running = undefined
      this.#engine.asyncEnd()
    }
  }
}

/** An error with a code is of the running world, and was dealt with; any other is a fault in code, and ends the run. */
export function surface(engine: Engine, error: unknown): void {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return
  engine.defer(() => {
    throw error
  })
}
