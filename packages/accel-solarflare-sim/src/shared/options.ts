import { AcceleratorError } from '@netaccel/core'

type Options = Readonly<Record<string, unknown>>

/** Option `name`, one of `words`. Throws BAD_ARGUMENT for anything else. */
export function wordOption<W extends string>(
  options: Options,
  name: string,
  otherwise: W,
  words: readonly W[],
): W {
  const value = options[name] ?? otherwise
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  throw new AcceleratorError(
    'BAD_ARGUMENT',
    `option ${name}: ${shown(value)}; give one of ${words.join(', ')}`,
  )
}

export function flagOption(options: Options, name: string, otherwise: boolean): boolean {
  const value = options[name] ?? otherwise
  if (typeof value === 'boolean') return value
  throw new AcceleratorError('BAD_ARGUMENT', `option ${name}: ${shown(value)}; give true or false`)
}

/** A whole number from `least` to `most`. */
export function numberOption(
  options: Options,
  name: string,
  otherwise: number,
  least: number,
  most: number,
): number {
  const value = options[name] ?? otherwise
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw new AcceleratorError(
    'BAD_ARGUMENT',
    `option ${name}: ${shown(value)}; give a whole number from ${least} to ${most}`,
  )
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : (JSON.stringify(value) ?? typeof value)
}
