import {
  build,
  HostError,
  startTraffic,
  type Traffic,
  type Verdict,
  type World,
  type WorldValue,
} from '@netaccel/host'
import { CliError } from './errors.js'
import { EXIT_OF } from './start/report.js'
import { numberOf } from './start/options.js'
import { short } from './start/table.js'
import { readWorldFile } from './world-file.js'

export interface RunOptions {
  /** How long traffic flows, in seconds of the world's clock. Default 1. */
  readonly for?: unknown
  /** The machine's clock instead of the one that the value names. */
  readonly real?: boolean
  readonly json?: boolean
}

/**
 * Build the world of a file, let generated traffic flow between its vifs, and judge. Returns the exit status.
 * Throws CliError for the file, HostError for the value.
 */
export async function runWorld(file: string, options: RunOptions): Promise<number> {
  const seconds = numberOf('--for', options.for ?? 1, 0, 86_400)
  const value = await readWorldFile(file)
  const world = await build((options.real === true ? inRealTime(value) : value) as WorldValue)
  try {
    const traffic = pairs(world).map(([one, two]) => startTraffic(world, one, two))
    await world.run({ for: seconds * 1e9 })
    for (const one of traffic) await one.stop()
    await world.drain()
    const verdict = world.judge()
    print(world, verdict, traffic, options.json === true)
    return EXIT_OF[verdict.verdict]
  } finally {
    await world.close()
  }
}

function inRealTime(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) return { ...value, clock: 'real' }
  throw new CliError('BAD_FILE', 'a world is an object with "hosts"')
}

/** Each vif with the next: the first with the second, the third with the fourth. */
function pairs(world: World): [string, string][] {
  const paths = world.vifs.map(({ path }) => path)
  const found: [string, string][] = []
  for (let i = 0; i + 1 < paths.length; i += 2) found.push([paths[i], paths[i + 1]])
  if (found.length > 0) return found
  throw new HostError(
    'BAD_VALUE',
    'The world has fewer than two vifs: there is nothing between which traffic could flow.',
  )
}

function print(world: World, verdict: Verdict, traffic: readonly Traffic[], json: boolean): void {
  const status = world.status()
  if (json) {
    console.log(JSON.stringify({ ...status, verdict: verdict.verdict, reasons: verdict.reasons }))
    return
  }
  const head = ['vif', 'phase', 'tx slow', 'tx fast', 'rx slow', 'rx fast']
  const rows = status.vifs.map(({ path, phase, tx, rx }) => [
    path,
    phase,
    ...[tx.slow, tx.fast, rx.slow, rx.fast].map(({ segments }) => short(segments)),
  ])
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)))
  for (const row of [head, ...rows])
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
  const sent = traffic.reduce((sum, one) => sum + one.sent, 0)
  console.log(`${(status.atNs / 1e9).toFixed(3)} s; ${sent} wire segments sent`)
  for (const reason of verdict.reasons) console.log(`note: ${reason}`)
  console.log(`verdict: ${verdict.verdict}`)
}
