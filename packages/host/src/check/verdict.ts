import { DROP_REASONS, type DropReason, type DropReasonFacts } from '@netaccel/core'
import type { World } from '../build/world.js'
import { type Account, balanced } from './account.js'
import { accounts, drops } from './ledger.js'
import type { OracleVerdict } from './oracle.js'
import { type Excused, type WireEvents, WireHarm } from './wire-harm.js'

type Drops = Readonly<Partial<Record<DropReason, number>>>

/** The judgement of a run, after everything has run out (docs/adr/0005). */
export interface Verdict {
  /**
   * 'nothing lost': something was sent, every drop counter is 0 but those that the topology asks for, the ledger balances
   * and the oracle agrees. 'inconclusive': nothing speaks against it, but it could not be seen (no oracle, no traffic,
   * losses before us). 'lost': anything else.
   */
  readonly verdict: 'nothing lost' | 'lost' | 'inconclusive'
  /** Why it is not 'nothing lost', one sentence each. */
  readonly reasons: readonly string[]
  /** Drops that nobody asked for, in wire segments. */
  readonly dropped: Drops
  /** Drops that the topology asks for (seeded loss, a rate cap), and of frames that nobody waited for. */
  readonly asked: Drops
  /** What wires did by their seeds; the oracle may find as much amiss and no more. */
  readonly wires: WireEvents
  /** Frames that were lost before a device of ours took them. */
  readonly beforeUs: number
  readonly ledger: readonly Account[]
  readonly oracle: OracleVerdict | null
}

/** Judge a world. `beforeUs`: what those who feed the world know to have been lost before it. */
export function judge(world: World, beforeUs = 0): Verdict {
  const ledger = accounts(world)
  const oracle = world.oracle?.verdict() ?? null
  const found = drops(world)
  const harm = new WireHarm(world, found)
  const { excused } = harm
  const missed = oracle === null || oracle.missing > excused.missing
  const { dropped, asked } = sortDrops(found, harm, missed)
  const against = [...dropReasons(dropped), ...ledgerReasons(ledger), ...oracleReasons(oracle, excused)]
  const overtakes = overtakeReasons(oracle, excused)
  // The fence's holds end after milliseconds of the clock: exact under the virtual one; under the real one a machine that
  // stalls can outlast them, and then an overtake is told but is no loss.
  if (world.timeline.virtual) against.push(...overtakes)
  const doubts = doubtReasons(oracle, beforeUs)
  const verdict = against.length > 0 ? 'lost' : doubts.length > 0 ? 'inconclusive' : 'nothing lost'
  const told = world.timeline.virtual ? [] : overtakes
  return {
    verdict,
    reasons: [...against, ...doubts, ...told],
    dropped,
    asked,
    wires: harm.events,
    beforeUs,
    ledger,
    oracle,
  }
}

/** Drops by who answers for them. `missed`: the oracle misses segments that somebody waited for. */
function sortDrops(
  found: ReadonlyMap<DropReason, number>,
  harm: WireHarm,
  missed: boolean,
): { dropped: Drops; asked: Drops } {
  const dropped: Partial<Record<DropReason, number>> = {}
  const asked: Partial<Record<DropReason, number>> = {}
  for (const [reason, segments] of found) {
    const facts: DropReasonFacts = DROP_REASONS[reason]
    const nobodys = facts.nobody === true && !missed
    const into = nobodys || harm.asksFor(reason) ? asked : dropped
    into[reason] = segments
  }
  return { dropped, asked }
}

function dropReasons(dropped: Drops): string[] {
  return Object.entries(dropped).map(
    ([reason, segments]) =>
      `${segments} segments dropped, ${reason}: ${DROP_REASONS[reason as DropReason].sentence}`,
  )
}

function ledgerReasons(ledger: readonly Account[]): string[] {
  return ledger
    .filter((account) => !balanced(account))
    .map(({ name, bytes, ...of }) => {
      const octets =
        bytes === null ? '' : ` (${bytes.in} bytes in, ${bytes.out} out, ${bytes.dropped} dropped)`
      return `${name} does not balance: ${of.in} segments in, ${of.out} out, ${of.dropped} dropped${octets}.`
    })
}

function oracleReasons(oracle: OracleVerdict | null, excused: Excused): string[] {
  if (oracle === null) return []
  const reasons: string[] = []
  const missing = oracle.missing - excused.missing
  const doubled = oracle.doubled - excused.doubled
  if (missing > 0) reasons.push(`${missing} segments entered and did not leave.`)
  if (doubled > 0) reasons.push(`${doubled} segments left twice, or never entered.`)
  return reasons
}

function overtakeReasons(oracle: OracleVerdict | null, excused: Excused): string[] {
  const overtaken = oracle === null ? 0 : oracle.reordered - excused.reordered
  return overtaken > 0 ? [`${overtaken} segments left behind a later one of their flow.`] : []
}

function doubtReasons(oracle: OracleVerdict | null, beforeUs: number): string[] {
  const reasons: string[] = []
  if (oracle === null) reasons.push('No oracle stood at the edges: the ledger alone proves nothing.')
  else if (oracle.entered === 0) reasons.push('Nothing was sent to a guest.')
  if (beforeUs > 0)
    reasons.push(`${beforeUs} frames were dropped by the kernel before they reached a device.`)
  return reasons
}
