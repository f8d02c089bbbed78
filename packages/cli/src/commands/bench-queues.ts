import { writeFileSync } from 'node:fs'
import { scaleCosts } from '@netaccel/xen'
import {
  COST_TABLES,
  measureQueues,
  QUEUES,
  type QueuesRun,
  type QueuesWay,
  XEON_2013,
} from '../bench/queues.js'
import { queuesPage } from '../bench/queues-page.js'
import { type Given, isSet, numberOption, textOption } from '../command.js'
import { CliError, EXIT_OK } from '../errors.js'
import { columns, printLines } from '../show/columns.js'
import { LiveTable } from '../show/live-table.js'

/** How the answer moves with the costs. */
const FACTORS = [1, 0.5, 2] as const
const BAR = 40

/** Published with the announcement of multi-queue, for one queue and for several. */
const PUBLISHED = [
  'one queue 6 Gb/s, several 10 Gb/s to a NIC of 10 Gb/s',
  'guest to guest 8 queues carry 171 % of one (the same mail also says almost 12 against 6 Gb/s)',
] as const

/** `netaccel bench queues`: throughput and processor time of 1 to 8 queues, in virtual time. */
export async function benchQueues(given: Given): Promise<number> {
  const name = textOption(given, 'costs') ?? XEON_2013.name
  const table = COST_TABLES[name]
  if (table === undefined)
    throw new CliError('USAGE', `--costs knows ${Object.keys(COST_TABLES).join(', ')}, not "${name}"`)
  const ms = numberOption(given, 'virtualMs', 0.1, 1000) ?? 4
  const html = textOption(given, 'html')
  const live = process.stderr.isTTY && !isSet(given, 'json') ? new LiveTable(process.stderr) : undefined
  const runs: QueuesRun[] = []
  try {
    for (const factor of FACTORS) {
      const progress = (way: QueuesWay, queues: number): void =>
        live?.draw([`${name} x ${factor}: ${way}, ${queues} ${queues === 1 ? 'queue' : 'queues'}`])
      const points = await measureQueues(scaleCosts(table, factor), ms, progress)
      runs.push({ costs: name, factor, points })
    }
  } finally {
    live?.clear()
  }
  if (html !== undefined) writeFileSync(html, queuesPage(runs))
  if (isSet(given, 'json')) console.log(JSON.stringify({ published: PUBLISHED, runs }))
  else printLines(runs.flatMap(linesOf).concat(summary(runs), html === undefined ? [] : [`plot: ${html}`]))
  return EXIT_OK
}

function linesOf({ costs, factor, points }: QueuesRun): string[] {
  const most = Math.max(...points.map(({ gbps }) => gbps))
  const rows = points.map(({ way, queues, gbps, driverPerGb, guestPerGb }) => [
    way,
    String(queues),
    gbps.toFixed(2),
    driverPerGb.toFixed(3),
    guestPerGb.toFixed(3),
    '#'.repeat(Math.round((gbps / most) * BAR)),
  ])
  const head = ['way', 'queues', 'Gb/s', 'driver s/Gb', 'guests s/Gb', '']
  return [
    `costs: ${costs} x ${factor}`,
    ...columns([head, ...rows], [false, true, true, true, true, false]),
    '',
  ]
}

/** The model's answer beside the published one. */
function summary(runs: readonly QueuesRun[]): string[] {
  const lines = runs.map(({ costs, factor, points }) => {
    const [one, most] = [QUEUES[0], QUEUES[QUEUES.length - 1]]
    const at = (way: QueuesWay, queues: number): number =>
      points.find((point) => point.way === way && point.queues === queues)?.gbps ?? 0
    const gain = (at('local', most) / at('local', one)) * 100
    return `${costs} x ${factor}: to a NIC ${at('nic', one).toFixed(1)} and ${at('nic', most).toFixed(1)} Gb/s with 1 and ${most} queues; guest to guest ${gain.toFixed(0)} %`
  })
  return [...lines, ...PUBLISHED.map((text) => `published: ${text}`)]
}
