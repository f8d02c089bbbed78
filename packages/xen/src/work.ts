import type { Engine } from './engine.js'

/** Units of work that a ring's end did since it last charged its engine: a sum a burst instead of a call a slot. */
export class Work {
  frames = 0
  slots = 0
  grantOps = 0
  bytesCopied = 0
  bytesSummed = 0

  /** Charge what has come together. */
  settle(engine: Engine): void {
    if (this.frames !== 0) engine.charge('frame', this.frames)
    if (this.slots !== 0) engine.charge('slot', this.slots)
    if (this.grantOps !== 0) engine.charge('grantOp', this.grantOps)
    if (this.bytesCopied !== 0) engine.charge('byteCopied', this.bytesCopied)
    if (this.bytesSummed !== 0) engine.charge('byteSummed', this.bytesSummed)
    this.frames = 0
    this.slots = 0
    this.grantOps = 0
    this.bytesCopied = 0
    this.bytesSummed = 0
  }
}
