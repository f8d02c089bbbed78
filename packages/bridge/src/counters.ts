import { DropCounters } from '@netaccel/core'

/** What a port has carried. `in`: from its station into the bridge. Segments: wire segments (a GSO frame counts as its). */
export class PortCounters {
  inFrames = 0
  inBytes = 0
  inSegments = 0
  outFrames = 0
  outBytes = 0
  outSegments = 0
  /** Frames of `in` that went to every other port. A flood of n copies adds n to the others' `out`. */
  flooded = 0
  /**
   * What floods made beyond one copy each: over all ports, `inSegments` + `copiedSegments` = `outSegments` + what was
   * dropped; the same for bytes.
   */
  copiedSegments = 0
  copiedBytes = 0
  /** Frames that came in here and went no further. */
  readonly dropped = new DropCounters()
}
