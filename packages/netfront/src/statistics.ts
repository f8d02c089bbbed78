import type { TxRxQueue } from './queue.js'

/** The interface's counters by their names in Linux (struct rtnl_link_stats64, and xen-netfront's ethtool strings). */
export interface InterfaceStatistics {
  readonly rx_packets: number
  readonly tx_packets: number
  readonly rx_bytes: number
  readonly tx_bytes: number
  readonly rx_errors: number
  readonly tx_errors: number
  readonly rx_dropped: number
  readonly tx_dropped: number
  readonly rx_gso_checksum_fixup: number
}

/** Sums over the queues, of what went by the rings. Drops are wire segments, as everywhere here. */
export function interfaceStatistics(queues: readonly TxRxQueue[]): InterfaceStatistics {
  const sum = { rx_packets: 0, tx_packets: 0, rx_bytes: 0, tx_bytes: 0, rx_errors: 0, tx_errors: 0 }
  let fixup = 0
  let rxDropped = 0
  let txDropped = 0
  for (const { counters } of queues) {
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += counters[name]
    fixup += counters.rx_gso_checksum_fixup
    for (const { reason, segments } of counters.dropped.entries()) {
      if (reason.startsWith('netfront_rx_')) rxDropped += segments
      else txDropped += segments
    }
  }
  return { ...sum, rx_dropped: rxDropped, tx_dropped: txDropped, rx_gso_checksum_fixup: fixup }
}
