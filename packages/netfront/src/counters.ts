import { DropCounters } from '@netaccel/core'

/**
 * What one queue has carried: Linux's names (netdev statistics and xen-netfront's ethtool ones), and wire segments and
 * bytes for conservation. Numbers only grow; a reconnect does not clear them.
 */
export class QueueCounters {
  /** By the ring, to the backend: frames written to it. */
  tx_packets = 0
  tx_bytes = 0
  tx_segments = 0
  /** Answered with an error or as dropped: the backend has counted why. */
  tx_errors = 0
  /** Frames copied first, because no backend would take them from where they lay. */
  tx_bounced = 0
  /** By the ring, from the backend: frames delivered to the stack. */
  rx_packets = 0
  rx_bytes = 0
  rx_segments = 0
  /** Packets that came malformed. */
  rx_errors = 0
  /** GSO packets that came without a blank checksum (Linux's name). */
  rx_gso_checksum_fixup = 0
  /** Packets whose pages did not follow one another, so that their bytes had to be copied together. */
  rx_gathered = 0
  /** Frames not sent and not delivered, by reason. */
  readonly dropped = new DropCounters()
}
