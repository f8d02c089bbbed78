import type { HostStatus, PathCount, VifStatus } from '@netaccel/host'
import { columns, short } from './columns.js'

const HEAD = [
  'vif',
  'phase',
  'accelerator',
  'tx slow/s',
  'tx fast/s',
  'rx slow/s',
  'rx fast/s',
  'Gb/s',
  'fast',
]
const NUMERIC = [false, false, false, true, true, true, true, true, true]

/** What a vif did a second, between two looks at it: wire segments by path, bits of both ways, and the share that went fast. */
export interface VifRates {
  readonly path: string
  readonly phase: string
  readonly accelerator: string | null
  readonly txSlow: number
  readonly txFast: number
  readonly rxSlow: number
  readonly rxFast: number
  readonly gbps: number
  /** 0 to 1; null: nothing went. */
  readonly fastShare: number | null
}

/** The rates between two looks at a host. A vif that was not there before has moved nothing. */
export function ratesBetween(before: HostStatus, now: HostStatus): VifRates[] {
  const seconds = Math.max(1e-9, (now.atNs - before.atNs) / 1e9)
  return now.vifs.map((vif) =>
    vifRates(before.vifs.find(({ path }) => path === vif.path) ?? vif, vif, seconds),
  )
}

function vifRates(before: VifStatus, now: VifStatus, seconds: number): VifRates {
  const rate = (pick: (vif: VifStatus) => PathCount, of: 'segments' | 'bytes'): number =>
    (pick(now)[of] - pick(before)[of]) / seconds
  const [txSlow, txFast, rxSlow, rxFast] = WAYS.map((pick) => rate(pick, 'segments')) as [
    number,
    number,
    number,
    number,
  ]
  const all = txSlow + txFast + rxSlow + rxFast
  return {
    path: now.path,
    phase: now.phase,
    accelerator: now.accelerator,
    txSlow,
    txFast,
    rxSlow,
    rxFast,
    gbps: (WAYS.reduce((sum, pick) => sum + rate(pick, 'bytes'), 0) * 8) / 1e9,
    fastShare: all === 0 ? null : (txFast + rxFast) / all,
  }
}

const WAYS: readonly ((vif: VifStatus) => PathCount)[] = [
  ({ tx }) => tx.slow,
  ({ tx }) => tx.fast,
  ({ rx }) => rx.slow,
  ({ rx }) => rx.fast,
]

/** A table, a line a vif. */
export function rateTable(rates: readonly VifRates[]): string[] {
  const rows = rates.map(({ path, phase, accelerator, txSlow, txFast, rxSlow, rxFast, gbps, fastShare }) => [
    path,
    phase,
    accelerator ?? '-',
    ...[txSlow, txFast, rxSlow, rxFast].map(short),
    gbps.toFixed(3),
    percent(fastShare),
  ])
  return columns([HEAD, ...rows], NUMERIC)
}

/** All vifs on one line, for who reads lines: time, then for each vif its segments a second by path. */
export function rateLine(atNs: number, rates: readonly VifRates[]): string {
  const vifs = rates.map(
    ({ path, phase, txSlow, txFast, rxSlow, rxFast }) =>
      `${path} ${phase} tx ${short(txSlow)}+${short(txFast)} rx ${short(rxSlow)}+${short(rxFast)}`,
  )
  return `${(atNs / 1e9).toFixed(1)} s  ${vifs.join('  |  ')}`
}

function percent(share: number | null): string {
  return share === null ? '-' : `${(share * 100).toFixed(0)}%`
}
