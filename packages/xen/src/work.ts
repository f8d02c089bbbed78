import type { Engine, WorkUnits } from './engine.js'

/** Units of work that a ring's end did since it last charged its engine: a sum a burst instead of a call a slot. */
export class Work implements WorkUnits {
  frames = 0
  slots = 0
  grantOps = 0
  bytesCopied = 0
  bytesSummed = 0

  /** Charge what has come together. */
  settle(engine: Engine): void {
    engine.chargeWork(this)
    this.frames = 0
    this.slots = 0
    this.grantOps = 0
    this.bytesCopied = 0
    this.bytesSummed = 0
  }
}
