import { CliError } from '../errors.js'

/** What `netaccel start` was asked for. */
export interface StartOptions {
  readonly phaseSeconds: number
  /** Times that the accelerator is loaded. */
  readonly cycles: number
  readonly seed: number
  /** Play the bundled capture instead of the kernel. */
  readonly replay: boolean
  /** The folder for the two reports. */
  readonly out: string
  /** Print `report.json` on standard output, and everything else on standard error. */
  readonly json: boolean
  /** Record a capture to this file instead of the experiment. */
  readonly record?: string
}

const LONGEST_PHASE = 86_400
const MOST_CYCLES = 10_000
const LARGEST_SEED = 0xffff_ffff

/** Check what the command line gave. Throws CliError 'USAGE'. */
export function startOptions(given: Readonly<Record<string, unknown>>): StartOptions {
  const record = given['record']
  return {
    phaseSeconds: numberOf('--phase-seconds', given['phaseSeconds'] ?? 5, 0.2, LONGEST_PHASE),
    cycles: wholeOf('--cycles', given['cycles'] ?? 2, 1, MOST_CYCLES),
    seed: wholeOf('--seed', given['seed'] ?? 1, 0, LARGEST_SEED),
    replay: given['replay'] === true,
    out: textOf('--out', given['out'] ?? '.'),
    json: given['json'] === true,
    ...(record === undefined ? {} : { record: textOf('--record', record) }),
  }
}

export function numberOf(option: string, value: unknown, least: number, most: number): number {
  const number = typeof value === 'number' ? value : Number.NaN
  if (number >= least && number <= most) return number
  throw new CliError('USAGE', `${option} takes a number from ${least} to ${most}, not "${String(value)}"`)
}

function wholeOf(option: string, value: unknown, least: number, most: number): number {
  const number = numberOf(option, value, least, most)
  if (Number.isInteger(number)) return number
  throw new CliError('USAGE', `${option} takes a whole number, not "${number}"`)
}

function textOf(option: string, value: unknown): string {
  // A path such as 2026 is read as a number.
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  throw new CliError('USAGE', `${option} takes one path`)
}
