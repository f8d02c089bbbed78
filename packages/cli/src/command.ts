// What a command is, and how what was typed reaches it.
import { CliError } from './errors.js'

/** What was typed after the command's name: words in order, options by their names as cac has them. */
export interface Given {
  readonly words: readonly string[]
  readonly options: Readonly<Record<string, unknown>>
}

/** `[flags, what it is for, its default]`, as cac takes them. */
export type OptionSpec = readonly [flags: string, says: string, preset?: unknown]

/** One row of the table in main.ts. Every command has `--json` and `--help` beside its own options. */
export interface CommandSpec {
  /** The name and its words: `attach <vif> <port>`. */
  readonly usage: string
  readonly says: string
  readonly options?: readonly OptionSpec[]
  readonly example: string
  /** Does it. Returns the exit status. @throws whatever `failure` has a sentence for */
  readonly run: (given: Given) => Promise<number>
}

/** The options of every command that asks a running host. */
export const HOST_OPTIONS: readonly OptionSpec[] = [
  ['--host <name>', 'Which host, by its name, when more than one runs'],
  ['--run-dir <dir>', 'Which host, by its run directory'],
]

/** A text that was given, undefined if it was not. cac reads `2026` as a number. */
export function textOption({ options }: Given, name: string): string | undefined {
  const value = options[name]
  if (value === undefined) return undefined
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  throw new CliError('USAGE', `${flagOf(name)} takes one value`)
}

/** A number that was given, undefined if it was not. @throws CliError USAGE outside of least to most */
export function numberOption(
  { options }: Given,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const value = options[name]
  if (value === undefined) return undefined
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw new CliError(
    'USAGE',
    `${flagOf(name)} takes a number from ${least} to ${most}, not ${JSON.stringify(value)}`,
  )
}

export function isSet({ options }: Given, name: string): boolean {
  return options[name] === true
}

/** `phaseSeconds` as it is typed. */
export function flagOf(name: string): string {
  const dashed = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return dashed.length === 1 ? `-${dashed}` : `--${dashed}`
}
