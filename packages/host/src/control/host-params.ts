import { HostError } from '../errors.js'

/** What a parameter is; with `?` it may be left out. */
export type ParamKind = 'text' | 'text?' | 'texts?' | 'number?' | 'yes?' | 'object?'

type ValueOf<Kind extends ParamKind> = Kind extends 'text'
  ? string
  : Kind extends 'text?'
    ? string | undefined
    : Kind extends 'texts?'
      ? readonly string[] | undefined
      : Kind extends 'number?'
        ? number | undefined
        : Kind extends 'yes?'
          ? boolean
          : Readonly<Record<string, unknown>> | undefined

/** The parameters of a method by their kinds. */
export type Params<Kinds extends Readonly<Record<string, ParamKind>>> = {
  readonly [Name in keyof Kinds]: ValueOf<Kinds[Name]>
}

const MOST_TEXT = 4096

/** Check what a client gave. @throws HostError BAD_REQUEST with one sentence */
export function checkParams<Kinds extends Readonly<Record<string, ParamKind>>>(
  method: string,
  kinds: Kinds,
  given: Readonly<Record<string, unknown>>,
): Params<Kinds> {
  const names = Object.keys(kinds)
  for (const name of Object.keys(given))
    if (!Object.hasOwn(kinds, name))
      throw refused(`${method} has no parameter "${name.slice(0, 64)}"; it has ${names.join(', ') || 'none'}`)
  const checked = names.map((name) => [name, checkParam(method, name, kinds[name], given[name])])
  return Object.fromEntries(checked) as Params<Kinds>
}

function checkParam(method: string, name: string, kind: ParamKind | undefined, value: unknown): unknown {
  if (value === undefined || value === null) {
    if (kind === 'text') throw refused(`${method} needs the parameter "${name}", a text`)
    return kind === 'yes?' ? false : undefined
  }
  if (isKind(kind, value)) return value
  throw refused(`${method}: "${name}" must be ${WORDS[kind ?? 'text']}`)
}

const WORDS: Readonly<Record<ParamKind, string>> = {
  text: `a text of 1 to ${MOST_TEXT} characters`,
  'text?': `a text of 1 to ${MOST_TEXT} characters`,
  'texts?': 'a list of texts',
  'number?': 'a number that is not below 0',
  'yes?': 'true or false',
  'object?': 'an object',
}

function isKind(kind: ParamKind | undefined, value: unknown): boolean {
  if (kind === 'number?') return typeof value === 'number' && Number.isFinite(value) && value >= 0
  if (kind === 'yes?') return typeof value === 'boolean'
  if (kind === 'object?') return typeof value === 'object' && !Array.isArray(value)
  if (kind === 'texts?') return Array.isArray(value) && value.every(isText)
  return isText(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MOST_TEXT
}

function refused(sentence: string): HostError {
  return new HostError('BAD_REQUEST', `${sentence}.`)
}
