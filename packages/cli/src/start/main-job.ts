import type { Resources, World } from '@netaccel/host'
import { solarflare } from './accelerator.js'
import { runExperiment } from './experiment.js'
import type { StartOptions } from './options.js'
import { writeReports } from './report-files.js'
import { conclude, EXIT_OF, phaseReport, probeFastShare } from './report.js'
import type { Left, Report } from './report.js'
import { htmlReport } from './report-html.js'
import { summary } from './summary.js'
import { LiveTable } from './table.js'
import type { Output } from './table.js'
import type { Traffic } from './traffic.js'

export interface MainJob {
  readonly world: World
  readonly traffic: Traffic
  readonly options: StartOptions
  readonly output: Output
  readonly interrupted: () => boolean
}

/** Run the experiment, judge it, write both reports and the summary. Returns the exit status. */
export async function mainJob(job: MainJob): Promise<number> {
  const { world, traffic, options, output, interrupted } = job
  const table = new LiveTable(output)
  const before = world.resources()
  const experiment = await runExperiment({
    world,
    traffic,
    accelerator: solarflare(world),
    phaseSeconds: options.phaseSeconds,
    cycles: options.cycles,
    interrupted,
    onRow: (span, reading) => table.row(span, reading),
    onEvent: (text) => table.event(text),
  })
  const { probe, ping, tcp, beforeUs, doubts } = await world.drive(traffic.result())
  const judged = world.judge(beforeUs)
  const reasons = [...doubts]
  if (!experiment.drained) reasons.push('something was still under way 5 s after the senders had stopped')
  const remarks = [...traffic.remarks]
  if (!experiment.whole) remarks.push('the run was ended early: not every phase was run')
  const report: Report = {
    verdict: conclude({ judged: judged.verdict, probe, ping, doubts: reasons }),
    phases: experiment.phases.map(phaseReport),
    probe: { ...probe, fastShare: probeFastShare(experiment.phases) },
    ping,
    tcp,
    switches: experiment.switches,
    stolenSeconds: world.timeline.stolenNs / 1e9,
    dropped: judged.dropped,
    beforeUs,
    left: leftOf(before, world.resources()),
  }
  const notes = [...new Set([...judged.reasons, ...reasons, ...remarks])]
  const html = htmlReport({ report, experiment, remarks: notes, description: traffic.description, options })
  const files = writeReports(options.out, {
    'report.json': `${JSON.stringify(report, null, 2)}\n`,
    'report.html': html,
  })
  for (const line of summary(report, notes, files)) output.line(line)
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  return EXIT_OF[report.verdict]
}

function leftOf(before: Resources, after: Resources): Left {
  const more = (name: keyof Left): number => after[name] - before[name]
  return {
    grants: more('grants'),
    ports: more('ports'),
    watches: more('watches'),
    vis: more('vis'),
    filters: more('filters'),
    leases: more('leases'),
    pages: more('pages'),
  }
}
