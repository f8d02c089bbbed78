import type { Frame } from '@netaccel/packet'

/**
 * A place to look at one guest's frames as they pass. A tap examines and never vetoes, changes or keeps a frame;
 * it is called synchronously on the queue's engine and must not throw.
 */
export interface GuestTap {
  /** A frame the guest has sent, complete and checked, before the bridge sees it. */
  fromGuest?(frame: Frame): void
  /** A frame for the guest, before it enters the queue to the guest. */
  toGuest?(frame: Frame): void
}

/**
 * Sees each frame as it leaves the guest's TX ring and as it is written into the RX ring; whole frames, or segments
 * for a guest that takes no others. The frame stays whose it is. A queue that nobody observes pays one field read.
 */
export interface RingObserver {
  /** Copied whole, answered or about to be; the bridge is next. */
  taken(frame: Frame): void
  /** Its responses are written; the copies run and become visible at the end of the poll. */
  written(frame: Frame): void
}

/** Who keeps frames that the guest has been given and has not looked at. */
export interface WrittenFrames {
  /** A frame is this one's, which releases it. All its responses stand before `index`; they are not visible yet. */
  keep(frame: Frame, index: number): void
  /** What was kept is visible to the guest now. */
  shown(): void
}

/** What a queue of a vif offers to whoever accelerates the vif. All calls belong to the queue's engine. */
export interface BackQueueSide {
  readonly index: number
  /** The tap in place, or null. */
  tap: GuestTap | null
  /**
   * True: a TX request is answered when its frame has left the driver domain (its last release), `departureNs` at most.
   * False: as soon as its bytes have been copied.
   */
  answerOnDeparture: boolean
  /** Longest wait of a request for its frame to leave. */
  departureNs: number
  /** Called before a burst of the guest's frames is forwarded; null: nobody asks. */
  beforeForward: (() => void) | null
  /** Keeps the frames that have been written into the guest's ring, instead of their release; null: nobody does. */
  written: WrittenFrames | null
  /** Call `work` once all frames taken from the guest so far have left; at once when none is on the way. */
  whenDeparted(work: () => void): void
  /**
   * Mark the end of the queue to the guest. When all that stands in it now has been written (or dropped), `reached`
   * is told the index of the next response, before any later response becomes visible. At once when it is empty.
   */
  mark(reached: (responseIndex: number) => void): void
  /** Frames that wait for the guest's slots. */
  readonly queued: number
  /** Called at each event of the guest's on this queue, before its polls; null: nobody asks. */
  onEvent: (() => void) | null
  /** Raise an event at the guest: its queue is polled. */
  notifyGuest(): void
}
