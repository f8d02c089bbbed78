import type { Report } from './report.js'
import { short } from '../show/columns.js'

/** The end of the run in words and numbers. */
export function summary(report: Report, remarks: readonly string[], files: readonly string[]): string[] {
  const { verdict, phases, probe, ping, tcp, switches, left } = report
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
  const fastShare = ({ slow, fast }: { slow: number; fast: number }): string =>
    slow + fast === 0 ? '-' : percent(fast / (slow + fast))
  const kept = Object.entries(left).filter(([, count]) => count !== 0)
  return [
    '',
    ...phases.map(
      ({ name, seconds, gbps, tcpPayloadBytes: { tx, rx } }) =>
        `${name.padEnd(11)} ${seconds.toFixed(1).padStart(6)} s ${gbps.toFixed(gbps < 0.1 ? 4 : 2).padStart(7)} Gb/s` +
        `  fast at the fork ${fastShare(tx).padStart(7)}, at delivery ${fastShare(rx).padStart(7)}`,
    ),
    `probe: ${short(probe.sent)} sent, ${probe.lost} lost, ${probe.doubled} doubled, ${probe.reordered} reordered, ` +
      `${percent(probe.fastShare)} fast while loaded`,
    `ping: ${ping.sent} sent, ${ping.lost} lost, ${ping.doubled} doubled`,
    `switches: ${switches.count}, ${switches.reordered} segments overtaken within 200 ms of one` +
      (tcp.retransmits === null ? '' : `; iperf3 counts ${tcp.retransmits} retransmits`),
    `left of the accelerator: ${kept.map(([name, count]) => `${count} ${name}`).join(', ') || 'nothing'}`,
    ...remarks.map((remark) => `note: ${remark}`),
    `verdict: ${verdict}`,
    `reports: ${files.join(', ')}`,
  ]
}
