import { createRequire } from 'node:module'
import { cac, type CAC, type Command } from 'cac'
import { type CommandSpec, flagOf, type Given } from './command.js'
import { add } from './commands/add.js'
import { attach, detach } from './commands/attach.js'
import { bench } from './commands/bench.js'
import { doctor } from './commands/doctor.js'
import { explain } from './commands/explain.js'
import { list } from './commands/list.js'
import { load } from './commands/load.js'
import { run } from './commands/run.js'
import { start } from './commands/start.js'
import { status } from './commands/status.js'
import { stop } from './commands/stop.js'
import { test } from './commands/test.js'
import { top } from './commands/top.js'
import { trace } from './commands/trace.js'
import { prove, unload } from './commands/unload.js'
import { upgrade } from './commands/upgrade.js'
import { CliError, EXIT_CANNOT, EXIT_OK } from './errors.js'
import { sentenceOf, statusOf } from './failure.js'
import { nearest } from './nearest.js'

/** The commands, in the order in which help lists them. */
export const COMMANDS: readonly CommandSpec[] = [
  start,
  run,
  stop,
  add,
  list,
  load,
  unload,
  upgrade,
  attach,
  detach,
  status,
  top,
  trace,
  prove,
  test,
  explain,
  doctor,
  bench,
]

/** Run the command line. Returns the exit status; see the table in the README. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args)
  } catch (error) {
    // What we know how to say is one sentence; anything else is a defect, and its stack is wanted.
    const sentence = sentenceOf(error)
    console.error(sentence === undefined ? error : `netaccel: ${sentence}`)
    return statusOf(error)
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const cli = commands()
  cli.parse(['node', 'netaccel', ...args], { run: false })
  if (cli.options['help'] === true || cli.options['version'] === true) return EXIT_OK
  const matched = cli.matchedCommand
  if (matched === undefined) {
    const [word] = cli.args
    if (word === undefined) {
      cli.outputHelp()
      return EXIT_CANNOT
    }
    throw unknown('command', word, COMMANDS.map(nameOf), 'netaccel --help')
  }
  checkOptions(cli, matched)
  checkArguments(cli, matched)
  const given: Given = { words: cli.args.map(String), options: cli.options }
  return COMMANDS[cli.commands.indexOf(matched)].run(given)
}

function commands(): CAC {
  const cli = cac('netaccel')
  for (const { usage, says, options = [], example } of COMMANDS) {
    const command = cli.command(usage, says)
    for (const [flags, what, preset] of options) command.option(flags, what, preset as { default?: unknown })
    command.option('--json', 'Print JSON on standard output, everything else on standard error')
    command.example(example)
  }
  cli.help()
  cli.version((createRequire(import.meta.url)('../package.json') as { version: string }).version)
  return cli
}

/** `attach` of `attach <vif> <port>`. */
export function nameOf({ usage }: CommandSpec): string {
  return usage.split(' ', 1)[0]
}

function checkOptions(cli: CAC, command: Command): void {
  const known = [...command.options, ...cli.globalCommand.options].flatMap(({ names }) => names)
  for (const option of Object.keys(cli.options)) {
    if (option === '--' || known.includes(option)) continue
    const flags = known.filter((name) => name.length > 1).map(flagOf)
    throw unknown('option', flagOf(option), flags, `netaccel ${command.name} --help`)
  }
  for (const { name, required } of command.options) {
    if (required === true && cli.options[name] === true)
      throw new CliError('USAGE', `${flagOf(name)} needs a value; see \`netaccel ${command.name} --help\``)
  }
}

function checkArguments(cli: CAC, command: Command): void {
  const wanted = command.args.filter(({ required }) => required)
  if (cli.args.length < wanted.length)
    throw new CliError(
      'USAGE',
      `${command.name} needs ${wanted.map(({ value }) => `<${value}>`).join(' and ')}; see \`netaccel ${command.name} --help\``,
    )
  const extra = cli.args[command.args.length]
  if (extra !== undefined)
    throw new CliError(
      'USAGE',
      `${command.name} does not know what to do with "${extra}"; see \`netaccel ${command.name} --help\``,
    )
}

function unknown(kind: string, word: string, known: readonly string[], help: string): CliError {
  const near = nearest(word, known)
  const hint = near === undefined ? `there are ${known.join(', ')}` : `the nearest is ${near}`
  return new CliError('USAGE', `there is no ${kind} "${word}": ${hint}; see \`${help}\``)
}
