// What the wires of a world have carried, in one order with the calls over the plugin's border.
import type { Frame } from '@netaccel/core'
import type { World } from '@netaccel/host'
import type { FrameFacts } from '../record/calls.js'
import { factsOf } from '../record/frame-facts.js'

/** One frame on a wire. */
export interface OnWire {
  /** Number that the next call over the border had: calls before it were made earlier. */
  readonly n: number
  /** Virtual time, ns. */
  readonly at: number
  /** `a.eth0`. */
  readonly from: string
  readonly to: string
  readonly frame: FrameFacts
}

/** Frames as they leave a NIC: the departure log. */
export class WireLog {
  readonly sent: OnWire[] = []

  /** `calls`: the recording, for its length. */
  constructor(world: World, calls: { readonly length: number }) {
    for (const { lane, from, to } of world.lanes) {
      const log = (frame: Frame): void => {
        this.sent.push({ n: calls.length, at: world.timeline.now(), from, to, frame: factsOf(frame) })
      }
      // A tracer may stand there already.
      const { observer } = lane
      lane.observer = {
        sent: (frame) => {
          observer?.sent(frame)
          log(frame)
        },
        arrived: (frame) => observer?.arrived(frame),
      }
    }
  }
}
