import { FrameQueue, FrameRing } from '@netaccel/packet'

/** Places to begin with: the driver's default depth. */
const DEPTH = 512

/**
 * Between the NIC and the driver of the driver domain: four queues of the driver's frames, as the descriptor rings
 * and completions of a NIC are. The driver fills `posted` and `queued` and kicks; the NIC fills `received` and
 * `sent` and calls `onWork`. A frame in a queue belongs to whoever empties it.
 */
export class HostQueues {
  /** Empty frames to receive into. */
  readonly posted: FrameQueue
  /** Received frames, oldest first. */
  readonly received: FrameQueue
  /** Frames to send: a flooded one may stand in the queues of other ports too. */
  readonly queued: FrameRing
  /** Frames that have left, or never will, in the order of `queued`. */
  readonly sent: FrameRing
  /** An interrupt: there is something in `received` or `sent`. */
  onWork: () => void
  /** Frames ever put into `received`. */
  receivedTotal: number

  constructor() {
    this.posted = new FrameQueue()
    this.received = new FrameQueue()
    this.queued = new FrameRing(DEPTH)
    this.sent = new FrameRing(DEPTH)
    this.onWork = ignore
    this.receivedTotal = 0
  }
}

function ignore(): void {}
