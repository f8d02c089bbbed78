import { DropCounters } from '@netaccel/core'

/** What one queue has carried by the fast path, counted at the doors. Numbers only grow; they outlive attachments. */
export class FastCounters {
  /** Accepted by a plugin. */
  tx_packets = 0
  tx_segments = 0
  tx_bytes = 0
  /** Of these, those that have left. */
  tx_completed = 0
  /** Declined, and sent by the ring. */
  tx_declined = 0
  /** Parked because there was no room. */
  tx_busy = 0
  /** Delivered to the stack. */
  rx_packets = 0
  rx_segments = 0
  rx_bytes = 0
  /** Attachments that ended by force: what stood in their VIs has no other trace here. */
  forced = 0
  /** Frames that a plugin had, and that did not arrive. */
  readonly dropped = new DropCounters()
}
