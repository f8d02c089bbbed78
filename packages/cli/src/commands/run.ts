import {
  build,
  HostError,
  startTraffic,
  type Traffic,
  type Verdict,
  type World,
  type WorldValue,
} from '@netaccel/host'
import { type CommandSpec, type Given, isSet, numberOption, textOption } from '../command.js'
import { CliError } from '../errors.js'
import { serve } from '../run/serve.js'
import { printLines } from '../show/columns.js'
import { refusalLines, sums, vifTable } from '../show/vifs.js'
import { EXIT_OF } from '../start/report.js'
import { readWorldFile } from '../world-file.js'

/** Longest run: a day. */
const MOST_SECONDS = 86_400
/** How generated traffic comes in a host that keeps running: some 2,000 frames a second each way, as on a busy desktop. */
const STEADY = { burst: 8, gapNs: 2_000_000 }

export const run: CommandSpec = {
  usage: 'run <file>',
  says: 'Run the world of a .json or .mjs file until Ctrl-C, and listen to the other commands meanwhile',
  options: [
    ['--for <seconds>', "End by itself after so many seconds of the world's clock"],
    ['--once', 'As fast as virtual time goes, without listening: --for seconds (1), then the verdict'],
    ['--real', 'Use the clock of the machine, whatever the file says'],
    ['--no-traffic', 'No generated traffic between the vifs (the first with the second, and so on)'],
    ['--name <name>', "The host's name for --host; default: the file's own"],
    ['--run-dir <dir>', 'Where its sockets are; default: a folder of that name for this user'],
  ],
  example: '  netaccel run two-hosts.json\n  netaccel run two-hosts.json --once --for 0.5',
  run: runWorld,
}

/** @throws CliError for the file, HostError for the value and the run directory */
async function runWorld(given: Given): Promise<number> {
  const [file] = given.words
  const seconds = numberOption(given, 'for', 0, MOST_SECONDS)
  const json = isSet(given, 'json')
  const once = isSet(given, 'once')
  const value = await readWorldFile(file)
  const world = await build((isSet(given, 'real') ? inRealTime(value) : value) as WorldValue)
  try {
    const talk = given.options['traffic'] === false ? [] : pairs(world)
    const traffic = talk.map(([one, two]) => startTraffic(world, one, two, once ? {} : STEADY))
    if (once) await world.run({ for: (seconds ?? 1) * 1e9 })
    else await serve(world, { ...served(given), file, seconds, line: json ? console.error : console.log })
    for (const one of traffic) await one.stop()
    await world.drain()
    const verdict = world.judge()
    print(world, verdict, traffic, json)
    return EXIT_OF[verdict.verdict]
  } finally {
    await world.close()
  }
}

function served(given: Given): { readonly name: string | undefined; readonly runDir: string | undefined } {
  return { name: textOption(given, 'name'), runDir: textOption(given, 'runDir') }
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
    'The world has fewer than two vifs: there is nothing between which traffic could flow; --no-traffic runs it without.',
  )
}

function print(world: World, verdict: Verdict, traffic: readonly Traffic[], json: boolean): void {
  const status = world.status()
  if (json) {
    console.log(JSON.stringify({ ...status, verdict: verdict.verdict, reasons: verdict.reasons }))
    return
  }
  const sent = traffic.reduce((sum, one) => sum + one.sent, 0)
  printLines([
    ...vifTable(status.vifs),
    ...refusalLines(status.vifs),
    `${(status.atNs / 1e9).toFixed(3)} s; ${sent} wire segments sent; ${sums(status)}`,
    ...verdict.reasons.map((reason) => `note: ${reason}`),
    `verdict: ${verdict.verdict}`,
  ])
}
