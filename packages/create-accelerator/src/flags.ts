import { cac } from 'cac'
import {
  checkChoice,
  checkName,
  DEFAULT_KIND,
  DEFAULT_LICENSE,
  KINDS,
  kindNames,
  LICENSES,
} from './answers.js'
import type { Answers } from './answers.js'
import { CreateError } from './errors.js'

/** What was given on the command line: the answers that need not be asked for. */
export interface Flags {
  readonly answers: Partial<Answers>
  /** Take defaults for the rest and ask nothing. */
  readonly yes: boolean
  /** Help or the version was printed; there is nothing else to do. */
  readonly done: boolean
}

/**
 * Reads the command line.
 * @throws CreateError BAD_NAME, UNKNOWN_VALUE, UNKNOWN_FLAG
 */
export function readFlags(args: readonly string[], version: string): Flags {
  const cli = cac('create-accelerator')
  const known = cli.command('[name]', 'Make a new network accelerator plugin in a folder of its name.')
  cli.usage('[name] [options]')
  cli.option('--kind <kind>', `${kindNames.join(', ')}; default ${DEFAULT_KIND}`)
  cli.option('--description <text>', 'what package.json and the README say')
  cli.option('--license <licence>', `${LICENSES.join(', ')}; default ${DEFAULT_LICENSE}`)
  cli.option('--local <dir>', 'take the netaccel packages from the tarballs in this folder')
  cli.option('--install', 'run npm install in the new package; --no-install, the default, leaves it to you')
  cli.option('--yes', 'ask nothing; what is not given takes its default')
  cli.example('npm create @netaccel/accelerator my-nic -- --kind nic --yes')
  cli.help((sections) => [...sections, { title: 'Kinds', body: kindLines() }])
  cli.version(version)
  const { options, args: names } = cli.parse(['node', 'create-accelerator', ...args], { run: false })
  const done = options['help'] === true || options['version'] === true
  if (!done) {
    try {
      known.checkUnknownOptions()
      known.checkOptionValue()
    } catch (cause) {
      throw new CreateError(
        'UNKNOWN_FLAG',
        `${String(cause instanceof Error ? cause.message : cause)}; see --help.`,
      )
    }
    if (names.length > 1)
      throw new CreateError(
        'UNKNOWN_FLAG',
        `One name is enough: ${names.slice(1).join(' ')} is too much; see --help.`,
      )
  }
  return { done, yes: options['yes'] === true, answers: done ? {} : answersOf(options, names[0], args) }
}

function kindLines(): string {
  return kindNames.map((kind) => `  ${kind.padEnd(8)} ${KINDS[kind]}`).join('\n')
}

function answersOf(
  options: Readonly<Record<string, unknown>>,
  name: string | undefined,
  args: readonly string[],
): Partial<Answers> {
  const text = (flag: string): string | undefined => {
    const value: unknown = options[flag]
    if (value === undefined) return undefined
    // A flag given twice: the last one counts.
    return String(Array.isArray(value) ? value.at(-1) : value)
  }
  const kind = text('kind')
  const license = text('license')
  const description = text('description')
  const local = text('local')
  const install = args.findLast((arg) => arg === '--install' || arg === '--no-install')
  return {
    ...(name !== undefined && { name: checkName(name) }),
    ...(kind !== undefined && { kind: checkChoice('kind', kind, kindNames) }),
    ...(license !== undefined && { license: checkChoice('license', license, LICENSES) }),
    ...(description !== undefined && { description }),
    ...(local !== undefined && { local }),
    ...(install !== undefined && { install: install === '--install' }),
  }
}
