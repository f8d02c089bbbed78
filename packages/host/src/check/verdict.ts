import { DROP_REASONS, type DropReason, type DropReasonFacts } from '@netaccel/core'
import type { World } from '../build/world.js'
import { type Account, balanced } from './account.js'
import { accounts, drops } from './ledger.js'
import type { OracleVerdict } from './oracle.js'

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
  const lossOnWire = lossOnWires(found)
  const { dropped, asked } = sortDrops(found, oracle === null || oracle.missing > lossOnWire)
  const against = [...dropReasons(dropped), ...ledgerReasons(ledger), ...oracleReasons(oracle, lossOnWire)]
  const overtakes = overtakeReasons(oracle)
  // The fence's holds end after milliseconds of the clock: exact under the virtual one; under the real one a machine that
  // stalls can outlast them, and then an overtake is told but is no loss.
  if (world.timeline.virtual) against.push(...overtakes)
  const doubts = doubtReasons(oracle, beforeUs)
  const verdict = against.length > 0 ? 'lost' : doubts.length > 0 ? 'inconclusive' : 'nothing lost'
  const told = world.timeline.virtual ? [] : overtakes
  return { verdict, reasons: [...against, ...doubts, ...told], dropped, asked, beforeUs, ledger, oracle }
}

/** Drops by who answers for them. `missed`: the oracle misses segments that somebody waited for. */
function sortDrops(
  found: ReadonlyMap<DropReason, number>,
  missed: boolean,
): { dropped: Drops; asked: Drops } {
  const dropped: Partial<Record<DropReason, number>> = {}
  const asked: Partial<Record<DropReason, number>> = {}
  for (const [reason, segments] of found) {
    const facts: DropReasonFacts = DROP_REASONS[reason]
    const excused = facts.asked === true || (facts.nobody === true && !missed)
    const into = excused ? asked : dropped
    into[reason] = segments
  }
  return { dropped, asked }
}

/** Segments that wires were told to lose. */
function lossOnWires(found: ReadonlyMap<DropReason, number>): number {
  let lost = 0
  for (const [reason, segments] of found) {
    const { stage, asked }: DropReasonFacts = DROP_REASONS[reason]
    if (stage === 'wire' && asked === true) lost += segments
  }
  return lost
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

/** A segment that the wire was told to lose is missed once, or once at each edge that a flood was to reach. */
function oracleReasons(oracle: OracleVerdict | null, lossOnWire: number): string[] {
  if (oracle === null) return []
  const reasons: string[] = []
  if (oracle.missing > lossOnWire)
    reasons.push(`${oracle.missing - lossOnWire} segments entered and did not leave.`)
  if (oracle.doubled > 0) reasons.push(`${oracle.doubled} segments left twice, or never entered.`)
  return reasons
}

function overtakeReasons(oracle: OracleVerdict | null): string[] {
  if (oracle === null || oracle.reordered === 0) return []
  return [`${oracle.reordered} segments left behind a later one of their flow.`]
}

function doubtReasons(oracle: OracleVerdict | null, beforeUs: number): string[] {
  const reasons: string[] = []
  if (oracle === null) reasons.push('No oracle stood at the edges: the ledger alone proves nothing.')
  else if (oracle.entered === 0) reasons.push('Nothing was sent to a guest.')
  if (beforeUs > 0)
    reasons.push(`${beforeUs} frames were dropped by the kernel before they reached a device.`)
  return reasons
}
