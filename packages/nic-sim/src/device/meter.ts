import type { Engine } from '@netaccel/xen'

/**
 * What the NIC has done in this step, charged to its engine in one go at the end of each poll: a charge a frame would
 * cost the simulation more than the frame.
 */
export class Meter {
  frames = 0
  /** Descriptors read and events written. */
  descriptors = 0
  bytes = 0

  settle(engine: Engine): void {
    if (this.frames > 0) engine.charge('frame', this.frames)
    if (this.descriptors > 0) engine.charge('descriptor', this.descriptors)
    if (this.bytes > 0) engine.charge('byteDma', this.bytes)
    this.frames = 0
    this.descriptors = 0
    this.bytes = 0
  }
}
