import { createRequire } from 'node:module'
import { HostError } from '@netaccel/host'
import { PortError } from '@netaccel/ports'
import { cac, type CAC, type Command } from 'cac'
import { doctor } from './doctor.js'
import { CliError, EXIT_CANNOT, EXIT_OK } from './errors.js'
import { nearest } from './nearest.js'
import { runWorld } from './run.js'
import { startOptions } from './start/options.js'
import { start } from './start/outside.js'

/** What cac hands to an action: the arguments by name, then the options. */
type Options = Readonly<Record<string, unknown>>

/** Run the command line. Returns the exit status: 0, 1 lost, 3 inconclusive, 2 wrong usage or not possible here. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args)
  } catch (error) {
    // What we know how to say is one sentence; anything else is a defect, and its stack is wanted.
    const known = error instanceof CliError || error instanceof HostError || error instanceof PortError
    console.error(known ? `netaccel: ${error.message}` : error)
    return EXIT_CANNOT
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  let status: Promise<number> | undefined
  const cli = commands((work) => {
    status = work
  })
  cli.parse(['node', 'netaccel', ...args], { run: false })
  if (cli.options['help'] === true || cli.options['version'] === true) return EXIT_OK
  const command = cli.matchedCommand
  if (command === undefined) {
    const [word] = cli.args
    if (word === undefined) {
      cli.outputHelp()
      return EXIT_CANNOT
    }
    throw unknown(
      'command',
      word,
      cli.commands.map(({ name }) => name),
      'netaccel --help',
    )
  }
  checkOptions(cli, command)
  checkArguments(cli, command)
  cli.runMatchedCommand()
  return (await status) ?? EXIT_OK
}

function commands(run: (work: Promise<number>) => void): CAC {
  const cli = cac('netaccel')
  cli
    .command(
      'start',
      'Real kernel TCP through two hosts; an accelerator is loaded, unloaded and loaded again',
    )
    .option('--phase-seconds <n>', 'Length of each phase, slow or fast', { default: 5 })
    .option('--cycles <n>', 'Times that the accelerator is loaded: one slow and one fast phase each', {
      default: 2,
    })
    .option('--seed <n>', 'Seed of every chance in the run', { default: 1 })
    .option('--replay', 'Replay the bundled capture in virtual time instead of using the kernel')
    .option('--out <dir>', 'Where report.json and report.html go', { default: '.' })
    .option('--json', 'Print report.json on standard output, everything else on standard error')
    .option('--record <file>', 'Record a capture of at most 1 MB to this file instead')
    .example('  netaccel start --phase-seconds 2 --out /tmp/report')
    .action((options: Options) => run(start(startOptions(options))))
  cli
    .command(
      'run <file>',
      'Build the world of a .json or .mjs file and let generated traffic flow between its vifs',
    )
    .option('--for <seconds>', "How long traffic flows, in seconds of the world's clock", { default: 1 })
    .option('--real', 'Use the clock of the machine, whatever the file says')
    .option('--json', 'Print the end state as JSON')
    .example('  netaccel run two-hosts.json --for 0.5')
    .action((file: string, options: Options) =>
      run(
        runWorld(String(file), {
          for: options['for'],
          real: options['real'] === true,
          json: options['json'] === true,
        }),
      ),
    )
  cli
    .command('doctor', 'What this machine lacks, and what is not available without it')
    .option('--json', 'Print the findings as JSON')
    .example('  netaccel doctor')
    .action((options: Options) => run(doctor({ json: options['json'] === true })))
  cli.help()
  cli.version((createRequire(import.meta.url)('../package.json') as { version: string }).version)
  return cli
}

function checkOptions(cli: CAC, command: Command): void {
  const known = [...command.options, ...cli.globalCommand.options].flatMap(({ names }) => names)
  for (const option of Object.keys(cli.options)) {
    if (option === '--' || known.includes(option)) continue
    const flags = known.filter((name) => name.length > 1).map(flag)
    throw unknown('option', flag(option), flags, `netaccel ${command.name} --help`)
  }
  for (const { name, required } of command.options) {
    if (required === true && cli.options[name] === true)
      throw new CliError('USAGE', `${flag(name)} needs a value; see \`netaccel ${command.name} --help\``)
  }
}

function checkArguments(cli: CAC, command: Command): void {
  const wanted = command.args.filter(({ required }) => required)
  if (cli.args.length < wanted.length)
    throw new CliError(
      'USAGE',
      `${command.name} needs ${wanted.map(({ value }) => value).join(' and ')}; see \`netaccel ${command.name} --help\``,
    )
  const extra = cli.args[command.args.length]
  if (extra !== undefined)
    throw new CliError(
      'USAGE',
      `${command.name} does not know what to do with "${extra}"; see \`netaccel ${command.name} --help\``,
    )
}

/** `phaseSeconds` as it is typed. */
function flag(name: string): string {
  const dashed = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return dashed.length === 1 ? `-${dashed}` : `--${dashed}`
}

function unknown(kind: string, word: string, known: readonly string[], help: string): CliError {
  const near = nearest(word, known)
  const hint = near === undefined ? `there are ${known.join(', ')}` : `the nearest is ${near}`
  return new CliError('USAGE', `there is no ${kind} "${word}": ${hint}; see \`${help}\``)
}
