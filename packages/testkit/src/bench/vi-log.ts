// What a NIC has laid into its virtual interfaces, in one order with the calls over the plugin's border.
import type { Frame } from '@netaccel/packet'
import type { World } from '@netaccel/host'
import type { FrameFacts } from '../record/calls.js'
import { factsOf } from '../record/frame-facts.js'

/** One frame that stands in a virtual interface from here on. */
export interface Arrival {
  /** Number that the next call over the border had: calls before it were made earlier. */
  readonly n: number
  /** Virtual time, ns. */
  readonly at: number
  /** The host. */
  readonly host: string
  readonly frame: FrameFacts
}

/** Of the host's own NIC, which tells what it does; empty for hardware that a plugin brings. */
export class ViLog {
  readonly arrivals: Arrival[] = []

  constructor(world: World, calls: { readonly length: number }) {
    for (const host of world.hosts.values())
      for (const { device } of host.nics.values()) {
        // A tracer may stand there already.
        const { observer } = device
        device.observer = {
          sent: (frame, vi) => observer?.sent(frame, vi),
          received: (frame: Frame, vi: number) => {
            observer?.received(frame, vi)
            if (vi < 0) return
            const { name } = host
            this.arrivals.push({
              n: calls.length,
              at: world.timeline.now(),
              host: name,
              frame: factsOf(frame),
            })
          },
        }
      }
  }
}
