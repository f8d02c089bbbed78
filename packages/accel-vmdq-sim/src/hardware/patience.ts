import type { HardwareContext, ScopeTimer } from '@netaccel/core'

/** Milliseconds that the wire is held up for a guest without buffers. */
const PATIENCE_MS = 1

/** A frame waits for a guest's buffer, and with it the wire, as for any receiver (IEEE 802.3 annex 31B), until its time is over. */
export class Patience {
  over = false
  private readonly context: HardwareContext
  private timer: ScopeTimer | null = null

  constructor(context: HardwareContext) {
    this.context = context
  }

  /** The frame is asked for again when its time is over, if not before. */
  begin(): void {
    this.timer ??= this.context.after(PATIENCE_MS, () => {
      this.timer = null
      this.over = true
      this.context.wire.ready()
    })
  }

  /** The frame has been taken, or nobody waits for it any more. */
  end(): void {
    this.timer?.cancel()
    this.timer = null
    this.over = false
  }
}
