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
  /** Sent by the ring though a plugin would have taken them, because frames of the same flow were there. */
  tx_fenced = 0
  /** Parked until the flow's slow frames had left, and until its lent ones had. */
  fence_to_fast = 0
  fence_to_slow = 0
  /** Sent by the ring before the flow's lent frames had left, because a plugin that left took too long. */
  fence_expired = 0
  /** Delivered to the stack. */
  rx_packets = 0
  rx_segments = 0
  rx_bytes = 0
  /** Attachments that ended by force: what stood in their VIs has no other trace here. */
  forced = 0
  /** Of these, those that waited for slow frames of their flow; and waits that ended by their limit instead. */
  fence_held = 0
  fence_overrun = 0
  /** Frames that a plugin had, and that did not arrive. */
  readonly dropped = new DropCounters()
}
