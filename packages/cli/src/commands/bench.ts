import { LENGTHS, measure, type PathName, type PathRate } from '../bench/paths.js'
import { type CommandSpec, isSet, numberOption, textOption } from '../command.js'
import { CliError, EXIT_OK } from '../errors.js'
import { columns, printLines, short } from '../show/columns.js'
import { LiveTable } from '../show/live-table.js'
import { acceleratorFolder } from '../start/accelerator.js'
import { benchQueues } from './bench-queues.js'

/** Rounds that differ by more than this, of their middle, say little. */
const UNSTEADY = 0.2

const PATHS: readonly PathName[] = ['local', 'wire-slow', 'wire-fast']

export const bench: CommandSpec = {
  usage: 'bench [what]',
  says: 'Frames a second by the rings, and past them with an accelerator; `bench queues`: what several queues do',
  options: [
    ['--seconds <n>', 'For each of the six measurements', { default: 3 }],
    ['--costs <table>', 'With queues: the cost table, xeon-2013 (default) or default'],
    ['--virtual-ms <n>', 'With queues: virtual milliseconds of each point; default 4'],
    ['--html <file>', 'With queues: write the plot there'],
    ['--plugin <name>', 'The accelerator: an installed plugin or a folder; default: the bundled one'],
  ],
  example: '  netaccel bench --seconds 3',
  run: async (given) => {
    const [what] = given.words
    if (what === 'queues') return benchQueues(given)
    if (what !== undefined) throw new CliError('USAGE', `bench knows \`queues\`, not "${what}"`)
    const seconds = numberOption(given, 'seconds', 0.01, 3600) ?? 3
    const accelerator = textOption(given, 'plugin') ?? acceleratorFolder()
    const json = isSet(given, 'json')
    if (!json)
      console.log(
        'frames a second of processor time; one thread; the benches of the sources are `npm run bench`',
      )
    const rates = await measureAll(seconds, accelerator)
    if (json) console.log(JSON.stringify({ rates, fastOverSlow: gains(rates) }))
    else printLines(table(rates))
    return EXIT_OK
  },
}

/** On a terminal it says what it measures: it is long at it. */
async function measureAll(seconds: number, accelerator: string): Promise<PathRate[]> {
  const all = PATHS.flatMap((path) => LENGTHS.map((bytes) => ({ path, bytes })))
  const live = process.stderr.isTTY ? new LiveTable(process.stderr) : undefined
  const rates: PathRate[] = []
  try {
    for (const { path, bytes } of all) {
      live?.draw([`measuring ${path}, ${bytes} B: ${rates.length + 1} of ${all.length}`])
      rates.push(await measure(path, bytes, seconds, accelerator))
    }
  } finally {
    live?.clear()
  }
  return rates
}

function table(rates: readonly PathRate[]): string[] {
  const of = (path: PathName): string[] => [
    path,
    ...LENGTHS.flatMap((bytes) => {
      const rate = rateOf(rates, path, bytes)
      return [short(rate.framesPerSecond), `±${(spread(rate) * 50).toFixed(0)}%`]
    }),
  ]
  const gain = gains(rates).flatMap(({ ratio }) => [`x ${ratio.toFixed(2)}`, ''])
  const lines = columns(
    [
      ['path', ...LENGTHS.flatMap((bytes) => [`${bytes} B`, ''])],
      ...PATHS.map(of),
      ['wire-fast / wire-slow', ...gain],
    ],
    [false, true, true, true, true],
  )
  if (rates.some((rate) => spread(rate) > UNSTEADY))
    lines.push(
      'The rounds of a measurement differ much: give it more --seconds, or a machine that does nothing else.',
    )
  return lines
}

function spread({ lowest, highest, framesPerSecond }: PathRate): number {
  return (highest - lowest) / Math.max(1, framesPerSecond)
}

/** What the accelerator is worth, by the length of the frames. */
function gains(rates: readonly PathRate[]): { readonly bytes: number; readonly ratio: number }[] {
  return LENGTHS.map((bytes) => ({
    bytes,
    ratio:
      rateOf(rates, 'wire-fast', bytes).framesPerSecond /
      Math.max(1, rateOf(rates, 'wire-slow', bytes).framesPerSecond),
  }))
}

function rateOf(rates: readonly PathRate[], path: PathName, bytes: number): PathRate {
  return rates.find((rate) => rate.path === path && rate.bytes === bytes) as PathRate
}
