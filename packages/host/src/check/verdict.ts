import { DROP_REASONS, type DropReason } from '@netaccel/core'
import type { World } from '../build/world.js'
import { type Account, accounts, drops } from './ledger.js'
import type { OracleVerdict } from './oracle.js'

/** The judgement of a run, after everything has run out (docs/adr/0005). */
export interface Verdict {
  /**
   * 'nothing lost': every drop counter is 0 but those that the topology asks for, the ledger balances and the oracle
   * agrees. 'inconclusive': something was lost before it reached us. 'lost': anything else.
   */
  readonly verdict: 'nothing lost' | 'lost' | 'inconclusive'
  /** Why it is not 'nothing lost', one sentence each. */
  readonly reasons: readonly string[]
  /** Drops that nobody asked for, in wire segments. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>
  /** Drops that the topology asks for: seeded loss, a rate cap. */
  readonly asked: Readonly<Partial<Record<DropReason, number>>>
  /** Frames that were lost before a device of ours took them. */
  readonly beforeUs: number
  readonly ledger: readonly Account[]
  readonly oracle: OracleVerdict | null
}

/** Judge a world. `beforeUs`: what those who feed the world know to have been lost before it. */
export function judge(world: World, beforeUs = 0): Verdict {
  const ledger = accounts(world)
  const oracle = world.oracle?.verdict() ?? null
  const dropped: Partial<Record<DropReason, number>> = {}
  const asked: Partial<Record<DropReason, number>> = {}
  for (const [reason, segments] of drops(world)) {
    const wanted = 'asked' in DROP_REASONS[reason]
    ;(wanted ? asked : dropped)[reason] = segments
  }
  const reasons = [...dropReasons(dropped), ...ledgerReasons(ledger), ...oracleReasons(oracle, asked)]
  const verdict = reasons.length > 0 ? 'lost' : beforeUs > 0 ? 'inconclusive' : 'nothing lost'
  if (beforeUs > 0)
    reasons.push(`${beforeUs} frames were dropped by the kernel before they reached a device.`)
  return { verdict, reasons, dropped, asked, beforeUs, ledger, oracle }
}

function dropReasons(dropped: Readonly<Partial<Record<DropReason, number>>>): string[] {
  return Object.entries(dropped).map(
    ([reason, segments]) =>
      `${segments} segments dropped, ${reason}: ${DROP_REASONS[reason as DropReason].sentence}`,
  )
}

function ledgerReasons(ledger: readonly Account[]): string[] {
  return ledger
    .filter(({ inFlight }) => inFlight !== 0)
    .map(({ name, ...of }) => `${name} does not balance: ${of.in} in, ${of.out} out, ${of.dropped} dropped.`)
}

function oracleReasons(
  oracle: OracleVerdict | null,
  asked: Readonly<Partial<Record<DropReason, number>>>,
): string[] {
  if (oracle === null) return []
  const reasons: string[] = []
  // A lost segment of a flood may be missed at more than one edge, so that asked losses are a bound and no equation.
  const allowed = Object.values(asked).reduce((sum, segments) => sum + segments, 0)
  if (allowed === 0 ? oracle.missing > 0 : oracle.missing > allowed * Math.max(1, oracle.edges.length - 1)) {
    reasons.push(`${oracle.missing} segments entered and did not leave.`)
  }
  if (oracle.doubled > 0) reasons.push(`${oracle.doubled} segments left twice, or never entered.`)
  return reasons
}
