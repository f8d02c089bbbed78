import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Experiment } from './experiment.js'
import { gbpsOf } from './meter.js'
import type { StartOptions } from './options.js'
import { PAGE_SCRIPT, PAGE_STYLE } from './page.js'
import type { PayloadSplit, Report } from './report.js'

export interface HtmlInput {
  readonly report: Report
  readonly experiment: Experiment
  readonly remarks: readonly string[]
  readonly description: string
  readonly options: StartOptions
}

/** What the page's script draws. */
interface ChartData {
  readonly seconds: number[]
  readonly slowGbps: number[]
  readonly fastGbps: number[]
  readonly slowRate: number[]
  readonly fastRate: number[]
  readonly events: Experiment['events']
}

/** `report.html`: one file with its scripts and styles inside, so that it can be kept and sent. */
export function htmlReport(input: HtmlInput): string {
  const { report, experiment, remarks, description, options } = input
  const require = createRequire(import.meta.url)
  const library = readFileSync(require.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8')
  const libraryStyle = readFileSync(require.resolve('uplot/dist/uPlot.min.css'), 'utf8')
  const title = `netaccel: ${report.verdict}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${libraryStyle}${PAGE_STYLE}</style>
</head>
<body>
<h1>Two hosts, an accelerator loaded and unloaded under traffic</h1>
<p class="verdict ${report.verdict.replaceAll(' ', '-')}">${escape(report.verdict)}</p>
<p>${escape(description)}. Seed ${options.seed}; ${options.phaseSeconds} s a phase.</p>
${remarks.map((remark) => `<p class="remark">${escape(remark)}</p>`).join('\n')}
<h2>Throughput</h2>
<p>TCP payload delivered, both ways together, by the path it came.</p>
<div id="throughput"></div>
<h2>Slow and fast</h2>
<p>Wire segments a second at the senders' forks, both ways together.</p>
<div id="frames"></div>
${phaseTable(report)}
${countTables(report)}
<h2>Events</h2>
<table><tr><th>s</th><th>what</th></tr>
${experiment.events.map(({ at, text }) => `<tr><td>${at.toFixed(2)}</td><td class="text">${escape(text)}</td></tr>`).join('\n')}
</table>
<script type="application/json" id="data">${dataText(chartData(experiment))}</script>
<script>${library}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`
}

function chartData({ samples, events }: Experiment): ChartData {
  const rate = (path: 'slow' | 'fast'): number[] =>
    samples.map(({ all, seconds }) => (seconds > 0 ? all.tx[path].segments / seconds : 0))
  return {
    seconds: samples.map(({ from, seconds }) => from + seconds),
    slowGbps: samples.map((span) => gbpsOf(span, 'slow')),
    fastGbps: samples.map((span) => gbpsOf(span, 'fast')),
    slowRate: rate('slow'),
    fastRate: rate('fast'),
    events,
  }
}

function phaseTable({ phases }: Report): string {
  const share = ({ slow, fast }: PayloadSplit['tx']): string =>
    slow + fast === 0 ? '-' : `${((fast / (slow + fast)) * 100).toFixed(1)} %`
  const rows = phases.map(
    ({ name, seconds, gbps, tcpPayloadBytes: { tx, rx } }) =>
      `<tr><td class="text">${escape(name)}</td><td>${seconds.toFixed(2)}</td><td>${gbps.toFixed(3)}</td>` +
      [tx.slow, tx.fast].map((bytes) => `<td>${bytes.toLocaleString('en')}</td>`).join('') +
      `<td>${share(tx)}</td>` +
      [rx.slow, rx.fast].map((bytes) => `<td>${bytes.toLocaleString('en')}</td>`).join('') +
      `<td>${share(rx)}</td></tr>`,
  )
  return `<h2>Phases</h2>
<table>
<tr><th rowspan="2">phase</th><th rowspan="2">s</th><th rowspan="2">Gb/s</th>
<th colspan="3">TCP payload at the sender's fork</th><th colspan="3">at the receiver's delivery</th></tr>
<tr><th>slow</th><th>fast</th><th>fast</th><th>slow</th><th>fast</th><th>fast</th></tr>
${rows.join('\n')}
</table>`
}

function countTables({ probe, ping, dropped, beforeUs, left }: Report): string {
  const row = (name: string, counts: object): string =>
    `<tr><td class="text">${escape(name)}</td>` +
    `<td class="text">${escape(
      Object.entries(counts)
        .map(([key, value]) => `${key} ${typeof value === 'number' ? Number(value.toFixed(4)) : value}`)
        .join(', ') || 'none',
    )}</td></tr>`
  return `<h2>Counts</h2>
<table>
${row('probe', probe)}
${row('ping', ping)}
${row('dropped segments by reason', dropped)}
${row('dropped by the kernel before us', { frames: beforeUs })}
${row('left of the accelerator', left)}
</table>`
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** JSON that cannot end the script element it stands in. */
function dataText(data: ChartData): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c')
}
