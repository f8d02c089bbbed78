import type { Engine } from './engine.js'

/**
 * Runs control steps one after another on one engine, each to its end, so that no two steps of a vif ever overlap. The
 * engine is told that a promise chain is in flight as long as any step is.
 */
export class Serial {
  private readonly engine: Engine
  private readonly failed: (error: unknown) => void
  private chain: Promise<void>

  /** `failed` is told of a step that rejected; the next step runs all the same. */
  constructor(engine: Engine, failed: (error: unknown) => void) {
    this.engine = engine
    this.failed = failed
    this.chain = Promise.resolve()
  }

  /** Run a step after all that were asked for before. The promise settles with the step and never rejects. */
  run(step: () => Promise<void>): Promise<void> {
    this.engine.asyncBegin()
    this.chain = this.chain
      .then(step)
      .catch((error: unknown) => this.failed(error))
      .finally(() => this.engine.asyncEnd())
    return this.chain
  }
}
