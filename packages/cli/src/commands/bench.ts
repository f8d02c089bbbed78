import { LENGTHS, measure, type PathName, type PathRate } from '../bench/paths.js'
import { type CommandSpec, isSet, numberOption, textOption } from '../command.js'
import { EXIT_OK } from '../errors.js'
import { columns, printLines, short } from '../show/columns.js'
import { acceleratorFolder } from '../start/accelerator.js'

const PATHS: readonly PathName[] = ['local', 'wire-slow', 'wire-fast']

export const bench: CommandSpec = {
  usage: 'bench',
  says: 'How many frames this machine carries by the rings, and past them with an accelerator',
  options: [
    ['--seconds <n>', 'For each of the six measurements', { default: 3 }],
    ['--plugin <name>', 'The accelerator: an installed plugin or a folder; default: the bundled one'],
  ],
  example: '  netaccel bench --seconds 3',
  run: async (given) => {
    const seconds = numberOption(given, 'seconds', 0.01, 3600) ?? 3
    const accelerator = textOption(given, 'plugin') ?? acceleratorFolder()
    const json = isSet(given, 'json')
    if (!json)
      console.log(
        'frames a second of processor time; one thread; the benches of the sources are `npm run bench`',
      )
    const rates: PathRate[] = []
    for (const path of PATHS)
      for (const bytes of LENGTHS) rates.push(await measure(path, bytes, seconds, accelerator))
    if (json) console.log(JSON.stringify({ rates, fastOverSlow: gains(rates) }))
    else printLines(table(rates))
    return EXIT_OK
  },
}

function table(rates: readonly PathRate[]): string[] {
  const of = (path: PathName): string[] => [
    path,
    ...LENGTHS.map((bytes) => short(rateOf(rates, path, bytes))),
  ]
  const gain = ['wire-fast / wire-slow', ...gains(rates).map(({ ratio }) => `x ${ratio.toFixed(2)}`)]
  return columns(
    [['path', ...LENGTHS.map((bytes) => `${bytes} B`)], ...PATHS.map(of), gain],
    [false, true, true],
  )
}

/** What the accelerator is worth, by the length of the frames. */
function gains(rates: readonly PathRate[]): { readonly bytes: number; readonly ratio: number }[] {
  return LENGTHS.map((bytes) => ({
    bytes,
    ratio: rateOf(rates, 'wire-fast', bytes) / Math.max(1, rateOf(rates, 'wire-slow', bytes)),
  }))
}

function rateOf(rates: readonly PathRate[], path: PathName, bytes: number): number {
  return rates.find((rate) => rate.path === path && rate.bytes === bytes)?.framesPerSecond ?? 0
}
