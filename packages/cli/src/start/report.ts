import { EXIT_INCONCLUSIVE, EXIT_LOST, EXIT_OK } from '../errors.js'
import { gbpsOf } from './meter.js'
import type { Span } from './meter.js'
import type { Switches } from './experiment.js'
import type { PingResult, ProbeResult, TcpResult } from './traffic.js'

export type VerdictWord = 'nothing lost' | 'lost' | 'inconclusive'

/** TCP payload by path: `tx` counted at the sender's fork, `rx` at the receiver's delivery, both guests together. */
export interface PayloadSplit {
  readonly tx: { readonly slow: number; readonly fast: number }
  readonly rx: { readonly slow: number; readonly fast: number }
}

export interface PhaseReport {
  readonly name: string
  readonly seconds: number
  /** TCP payload delivered, both ways together. */
  readonly gbps: number
  readonly tcpPayloadBytes: PayloadSplit
}

export interface Left {
  readonly grants: number
  readonly ports: number
  readonly watches: number
  readonly vis: number
  readonly filters: number
  readonly leases: number
  readonly pages: number
}

/** `report.json`. */
export interface Report {
  readonly verdict: VerdictWord
  readonly phases: readonly PhaseReport[]
  /** `fastShare`: of the probe's datagrams in the phases with the accelerator, the part that went fast, 0 to 1. */
  readonly probe: ProbeResult & { readonly fastShare: number }
  readonly ping: PingResult
  readonly tcp: TcpResult
  readonly switches: Switches
  /** Seconds in which the machine ran others while this program had work; its clock leaves them out. */
  readonly stolenSeconds: number
  /** Wire segments by reason. */
  readonly dropped: Readonly<Partial<Record<string, number>>>
  readonly beforeUs: number
  /** What is still in use after the accelerator was removed and was not before it was loaded. */
  readonly left: Left
}

export const EXIT_OF: Readonly<Record<VerdictWord, number>> = {
  'nothing lost': EXIT_OK,
  lost: EXIT_LOST,
  inconclusive: EXIT_INCONCLUSIVE,
}

/** One phase of the run, as measured. */
export interface Phase {
  readonly name: string
  /** The accelerator is loaded. */
  readonly loaded: boolean
  readonly span: Span
}

export function phaseReport({ name, span }: Phase): PhaseReport {
  const split = (way: 'tx' | 'rx') => ({
    slow: span.all[way].slow.tcpPayloadBytes,
    fast: span.all[way].fast.tcpPayloadBytes,
  })
  return {
    name,
    seconds: span.seconds,
    gbps: gbpsOf(span),
    tcpPayloadBytes: { tx: split('tx'), rx: split('rx') },
  }
}

/** The smaller of the share at the senders' forks and the share at the receivers' deliveries; 0 without any datagram. */
export function probeFastShare(phases: readonly Phase[]): number {
  const loaded = phases.filter((phase) => phase.loaded)
  const shares = (['tx', 'rx'] as const).map((way) => {
    const count = (path: 'slow' | 'fast'): number =>
      loaded.reduce((sum, { span }) => sum + span.all[way][path].udpFrames, 0)
    const all = count('slow') + count('fast')
    return all === 0 ? 0 : count('fast') / all
  })
  return Math.min(...shares)
}

export interface Findings {
  /** What the world's own ledger and the edge oracle say. */
  readonly judged: VerdictWord
  readonly probe: ProbeResult
  readonly ping: PingResult
  /** Why the run may show nothing. */
  readonly doubts: readonly string[]
}

/**
 * 'lost': something entered the world and did not leave it, or a program missed something and nobody outside can have
 * lost it. 'inconclusive': something was lost outside, or could not be measured.
 */
export function conclude({ judged, probe, ping, doubts }: Findings): VerdictWord {
  if (judged === 'lost') return 'lost'
  if (doubts.length > 0) return 'inconclusive'
  const missed = probe.lost > 0 || probe.doubled > 0 || ping.lost > 0 || ping.doubled > 0
  return missed ? 'lost' : judged
}
