import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { PAGE_STYLE } from '../start/page.js'
import { QUEUES, type QueuesRun, type QueuesWay } from './queues.js'

/** The plots of `netaccel bench queues`: one file with its scripts and styles inside. */
export function queuesPage(runs: readonly QueuesRun[]): string {
  const require = createRequire(import.meta.url)
  const library = readFileSync(require.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8')
  const libraryStyle = readFileSync(require.resolve('uplot/dist/uPlot.min.css'), 'utf8')
  const data = JSON.stringify(chartsOf(runs)).replaceAll('<', '\\u003c')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>netaccel: several queues</title>
<style>${libraryStyle}${PAGE_STYLE}</style>
</head>
<body>
<h1>What several queues of a vif carry</h1>
<p>Virtual time; guests with 4 virtual CPUs, a driver domain with 8, 8 flows. Published (2013): 6 Gb/s with one queue and 10
with several to a NIC of 10 Gb/s, 171 % guest to guest.</p>
<div id="charts"></div>
<script type="application/json" id="data">${data}</script>
<script>${library}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`
}

interface Chart {
  readonly title: string
  readonly unit: string
  readonly queues: readonly number[]
  readonly lines: readonly { readonly label: string; readonly values: readonly number[] }[]
}

function chartsOf(runs: readonly QueuesRun[]): Chart[] {
  const chart = (way: QueuesWay, title: string, unit: string, key: 'gbps' | 'driverPerGb'): Chart => ({
    title,
    unit,
    queues: QUEUES,
    lines: runs.map(({ costs, factor, points }) => ({
      label: `${costs} x ${factor}`,
      values: points.filter((point) => point.way === way).map((point) => point[key]),
    })),
  })
  return [
    chart('nic', 'To a NIC of 10 Gb/s: throughput', 'Gb/s', 'gbps'),
    chart('local', 'Guest to guest in one host: throughput', 'Gb/s', 'gbps'),
    chart('nic', 'To a NIC: driver domains', 'engine s/Gb', 'driverPerGb'),
    chart('local', 'Guest to guest: driver domain', 'engine s/Gb', 'driverPerGb'),
  ]
}

/** Plain JavaScript for a browser. */
const PAGE_SCRIPT = `
(() => {
  const colours = ['#1f5fbf', '#1a7f4b', '#c2571a', '#8a6100']
  const charts = document.getElementById('charts')
  for (const { title, unit, queues, lines } of JSON.parse(document.getElementById('data').textContent)) {
    const heading = document.createElement('h2')
    heading.textContent = title
    const element = document.createElement('div')
    charts.append(heading, element)
    new uPlot(
      {
        width: 640,
        height: 260,
        scales: { x: { time: false, range: [0.5, 8.5] }, y: { range: (u, low, high) => [0, (high || 1) * 1.1] } },
        axes: [{ label: 'queues', splits: () => queues }, { label: unit, size: 70 }],
        series: [
          { label: 'queues' },
          ...lines.map(({ label }, i) => ({ label, stroke: colours[i], width: 2, points: { show: true, size: 7 } })),
        ],
      },
      [queues, ...lines.map(({ values }) => values)],
      element,
    )
  }
})()
`
