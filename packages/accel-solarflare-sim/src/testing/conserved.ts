// The end of a scenario: silence, then what the world's own books and the oracle say of it.
import type { DropReason } from '@netaccel/core'
import type { TwoHosts } from './two-hosts.js'

/** What stood between a guest and the backend that it leaves: queues, rings, and frames that still went there. */
export const LEFT_BEHIND = [
  'netfront_tx_disconnected',
  'netback_rx_disconnected',
  'netback_rx_not_connected',
  'netback_rx_queue_full',
  'netback_rx_copy_failed',
  'netback_tx_copy_failed',
  'bridge_no_port',
  'bridge_same_port',
] as const

/**
 * The sources fall silent and everything runs out. Then every account balances, nothing was doubled or overtaken, nothing
 * was dropped but for the reasons that the scenario names, and the oracle misses no more than was dropped. Findings in
 * words; empty when all of it holds.
 */
export async function conserved(pair: TwoHosts, ...named: DropReason[]): Promise<readonly string[]> {
  const said = await pair.settle()
  const { verdict, ledger, oracle, dropped } = pair.world.judge()
  if (named.length === 0) return said
  const found: string[] = []
  for (const { name, inFlight } of ledger) if (inFlight !== 0) found.push(`${name}: ${inFlight} in flight`)
  const names = Object.keys(dropped) as DropReason[]
  for (const reason of names)
    if (!named.includes(reason)) found.push(`dropped ${dropped[reason]} as ${reason}`)
  const lost = names.reduce((sum, reason) => sum + (dropped[reason] ?? 0), 0)
  const { missing = 0, doubled = 0, reordered = 0 } = oracle ?? {}
  if (missing > lost) found.push(`${missing} missed, ${lost} dropped`)
  if (doubled + reordered > 0) found.push(`${doubled} doubled, ${reordered} reordered`)
  if (verdict === 'inconclusive') found.push(verdict)
  return found
}
