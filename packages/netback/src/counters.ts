import { DropCounters } from '@netaccel/core'

/**
 * What one queue has carried, by Linux's names: as the backend's interface sees it, so what the guest sends is rx and
 * what it receives is tx (the one place where TX is not the guest's). Numbers only grow.
 */
export class BackQueueCounters {
  /** From the guest to the bridge. */
  rx_packets = 0
  rx_bytes = 0
  rx_segments = 0
  /** Malformed packets from the guest, answered with an error. */
  rx_errors = 0
  /** To the guest: frames written to its ring. */
  tx_packets = 0
  tx_bytes = 0
  tx_segments = 0
  /** Slots of the guest that could not be written; the guest sees the status. */
  tx_copy_errors = 0
  /** GSO packets of the guest that came without a blank checksum. */
  rx_gso_checksum_fixup = 0
  /** Packets of the guest with more slots than a packet of Linux has fragments, put together. */
  tx_frag_overflow = 0
  /** Frames cut into segments here because the guest takes none, and the header bytes this added. */
  tx_segmented = 0
  tx_segmented_header_bytes = 0
  /** Checksums filled in here because the guest takes no blank ones. */
  tx_checksummed = 0
  /**
   * Packets whose pages were mapped instead of copied; of them, those that left with none copied, and those of which some
   * page had to be: sent = success + fail once all have left. Only with a lazy copy mode.
   */
  tx_zerocopy_sent = 0
  tx_zerocopy_success = 0
  tx_zerocopy_fail = 0
  /** Pages of lingering packets that were to be copied; the attempts, as the original counts them. */
  copied_skbs = 0
  /** Frames not forwarded, either way, by reason. */
  readonly dropped = new DropCounters()
}
