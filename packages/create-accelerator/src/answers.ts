import validateName from 'validate-npm-package-name'
import { CreateError } from './errors.js'

/** The templates, with what each is for. */
export const KINDS = {
  nic: 'a plugin pair with a simulated NIC of its own: registers, queues in registered pages, steering',
  bypass: 'a plugin pair without hardware: frames between guests of one host, past ring and bridge',
  minimal: 'both halves, every hook, and every frame declined: the least that is legal',
} as const

export type Kind = keyof typeof KINDS

export const LICENSES = ['MIT', 'ISC', 'BSD-2-Clause', 'UNLICENSED'] as const
export type License = (typeof LICENSES)[number]

/** What has to be known before anything is written. */
export interface Answers {
  /** Name of the new package, with its scope if it has one. */
  readonly name: string
  readonly kind: Kind
  readonly description: string
  readonly license: License
  /** Folder of tarballs that the netaccel packages are taken from; undefined: from the registry. */
  readonly local: string | undefined
  readonly install: boolean
}

export const DEFAULT_KIND: Kind = 'nic'
export const DEFAULT_LICENSE: License = 'MIT'

export function defaultDescription(kind: Kind): string {
  const what = {
    nic: 'A network accelerator with a NIC of its own.',
    bypass: 'A network accelerator between guests of one host.',
    minimal: 'A network accelerator that declines every frame.',
  }
  return what[kind]
}

/** Undefined: npm takes the name. Otherwise the rule that it breaks, as a sentence. */
export function nameProblem(name: string): string | undefined {
  const { validForNewPackages, errors = [], warnings = [] } = validateName(name)
  if (!validForNewPackages)
    return `npm does not take ${JSON.stringify(name)}: ${[...errors, ...warnings].join('; ')}.`
  if (!/^[a-z0-9]/.test(folderOf(name)))
    return `The name ${JSON.stringify(name)} must begin with a letter or a digit: it is also the plugin's, in store keys.`
  return undefined
}

/** @throws CreateError BAD_NAME */
export function checkName(name: string): string {
  const problem = nameProblem(name)
  if (problem !== undefined) throw new CreateError('BAD_NAME', problem)
  return name
}

/** @throws CreateError UNKNOWN_VALUE, with the choices. */
export function checkChoice<Choice extends string>(
  flag: string,
  value: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  throw new CreateError('UNKNOWN_VALUE', `--${flag} ${value} is unknown; there are ${choices.join(', ')}.`)
}

export const kindNames = Object.keys(KINDS) as Kind[]

/** The folder that is made: the name without its scope. */
export function folderOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

/** The plugin's name in store keys (`accel-frontend`): short, of lower-case letters, digits, `-` and `_`. */
export function pluginNameOf(name: string): string {
  return folderOf(name)
    .replaceAll(/[^a-z0-9_-]/g, '-')
    .slice(0, 63)
}
