import type { HostStatus, VifStatus, WorldStatus } from '@netaccel/host'
import { columns, short } from './columns.js'

const HEAD = ['vif', 'phase', 'port', 'accelerator', 'tx slow', 'tx fast', 'rx slow', 'rx fast']
const NUMERIC = [false, false, false, false, true, true, true, true]

/** A table of vifs: where each stands, and wire segments by path since it began. */
export function vifTable(vifs: readonly VifStatus[]): string[] {
  const rows = vifs.map(({ path, phase, port, accelerator, tx, rx }) => [
    path,
    phase,
    port ?? '-',
    accelerator ?? '-',
    ...[tx.slow, tx.fast, rx.slow, rx.fast].map(({ segments }) => short(segments)),
  ])
  return columns([HEAD, ...rows], NUMERIC)
}

/** Why vifs do not use what they were offered, one line each. */
export function refusalLines(vifs: readonly VifStatus[]): string[] {
  return vifs.flatMap(({ path, accelerator, refusal }) =>
    refusal === null ? [] : [`${path} does not use ${accelerator ?? 'its accelerator'}: ${refusal}`],
  )
}

/** What each half has counted for its vifs, without the zeros. */
export function counterLines(vifs: readonly VifStatus[]): string[] {
  return vifs.flatMap(({ path, counters }) =>
    (['frontend', 'backend'] as const).flatMap((half) => {
      const counted = Object.entries(counters[half]).filter(([, count]) => count > 0)
      if (counted.length === 0) return []
      return [`${path} ${half}: ${counted.map(([name, count]) => `${name} ${count}`).join(', ')}`]
    }),
  )
}

/** `2 vifs, 14 filters, 2 VIs, 3 in flight, dropped: …`. */
export function sums({ vifs, filters, vis, inFlight, dropped }: WorldStatus): string {
  const drops = Object.entries(dropped).map(([reason, count]) => `${reason} ${count}`)
  const counts = [
    counted(vifs.length, 'vif'),
    counted(filters, 'filter'),
    counted(vis, 'VI'),
    `${inFlight} in flight`,
  ]
  return `${counts.join(', ')}, ${drops.length === 0 ? 'nothing dropped' : `dropped: ${drops.join(', ')}`}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** `two-hosts: 12.3 s of virtual time; …`. */
export function headline(status: HostStatus): string {
  const { name, atNs, clock, behindNs } = status
  const late = behindNs > 0 ? `, ${(behindNs / 1e9).toFixed(1)} s behind the machine's clock` : ''
  return `${name}: ${(atNs / 1e9).toFixed(1)} s of ${clock} time${late}; ${sums(status)}`
}
