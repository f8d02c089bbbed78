// Reading a manifest: before any code of the plugin runs.
import { Ajv } from 'ajv'
import type { ErrorObject, ValidateFunction } from 'ajv'
import { AcceleratorError } from './errors.js'
import { MANIFEST_SCHEMA } from './manifest-schema.js'
import type { Manifest } from './contract/index.js'

/** The keyword by which registries and hosts find plugins. */
export const PLUGIN_KEYWORD = 'netaccel-plugin'

/** One thing that is wrong with a manifest: where, what, and what to do. */
export interface ManifestProblem {
  /** `netaccel.apiVersion.frontend` */
  readonly where: string
  readonly what: string
  readonly fix: string
}

let compiled: ValidateFunction<Manifest> | undefined

/** Compiled at the first use: importing core should cost a plugin's author nothing. */
function validator(): ValidateFunction<Manifest> {
  compiled ??= new Ajv({ allErrors: true, strict: true, strictRequired: false }).compile<Manifest>(
    MANIFEST_SCHEMA,
  )
  return compiled
}

/** Checks the parsed content of a package.json. Gives the manifest, or every problem found. */
export function checkManifest(packageJson: unknown): Manifest | readonly ManifestProblem[] {
  if (typeof packageJson !== 'object' || packageJson === null || Array.isArray(packageJson))
    return [
      {
        where: 'package.json',
        what: 'is not an object',
        fix: 'write a package.json with a "netaccel" object',
      },
    ]
  const { keywords, netaccel } = packageJson as { keywords?: unknown; netaccel?: unknown }
  const problems: ManifestProblem[] = []
  if (!Array.isArray(keywords) || !keywords.includes(PLUGIN_KEYWORD))
    problems.push({
      where: 'keywords',
      what: `does not contain "${PLUGIN_KEYWORD}"`,
      fix: 'add it, so that the package is found as a plugin',
    })
  if (netaccel === undefined) {
    problems.push({ where: 'netaccel', what: 'is missing', fix: 'add the object that describes the plugin' })
    return problems
  }
  const validate = validator()
  if (!validate(netaccel)) problems.push(...(validate.errors ?? []).flatMap(problemOf))
  else problems.push(...crossCheck(netaccel))
  return problems.length === 0 ? (netaccel as Manifest) : problems
}

/** As `checkManifest`, but throws `BAD_MANIFEST` with all problems in the message. `of` says whose manifest it is. */
export function parseManifest(packageJson: unknown, of: string): Manifest {
  const result = checkManifest(packageJson)
  if (!isProblems(result)) return result
  const list = result.map(({ where, what, fix }) => `${where} ${what}: ${fix}`)
  throw new AcceleratorError('BAD_MANIFEST', `${of}: ${list.join('; ')}`)
}

function isProblems(result: Manifest | readonly ManifestProblem[]): result is readonly ManifestProblem[] {
  return Array.isArray(result)
}

/** What a schema cannot say in words that help. */
function crossCheck(manifest: Manifest): ManifestProblem[] {
  const problems: ManifestProblem[] = []
  for (const half of ['frontend', 'backend'] as const) {
    const range = manifest.apiVersion[half]
    if (manifest[half] !== undefined && range === undefined)
      problems.push({
        where: `netaccel.apiVersion.${half}`,
        what: `is missing though there is a ${half} artefact`,
        fix: 'say the lowest and highest version of the contract that it works at, for example [1, 1]',
      })
    if (manifest[half] === undefined && range !== undefined)
      problems.push({
        where: `netaccel.${half}`,
        what: `is missing though apiVersion names a ${half} half`,
        fix: 'give the path of its artefact, or take the range out',
      })
    if (range !== undefined && range[0] > range[1])
      problems.push({
        where: `netaccel.apiVersion.${half}`,
        what: `begins at ${range[0]} and ends at ${range[1]}`,
        fix: 'write the lower version first',
      })
  }
  return [...problems, ...capabilityProblems(manifest)]
}

/** Capabilities that make no sense without another. */
const NEEDS = [
  ['tx-checksum', 'tx'],
  ['tx-gso', 'tx'],
  ['rx-checksum', 'rx'],
  ['rx-merge', 'rx'],
  ['filters', 'vi'],
] as const

function capabilityProblems({ capabilities }: Manifest): ManifestProblem[] {
  return NEEDS.filter(([name, other]) => capabilities.includes(name) && !capabilities.includes(other)).map(
    ([name, other]) => ({
      where: 'netaccel.capabilities',
      what: `has "${name}" and not "${other}"`,
      fix: `add "${other}", without which it cannot happen`,
    }),
  )
}

function problemOf(error: ErrorObject): ManifestProblem[] {
  const where = `netaccel${error.instancePath.replaceAll('/', '.')}`
  const params = error.params as Record<string, unknown>
  switch (error.keyword) {
    case 'additionalProperties':
      return [
        {
          where: `${where}.${String(params['additionalProperty'])}`,
          what: 'is unknown',
          fix: 'take it out or correct its name',
        },
      ]
    case 'required':
      return [{ where: `${where}.${String(params['missingProperty'])}`, what: 'is missing', fix: 'add it' }]
    case 'anyOf':
      return [
        {
          where,
          what: 'names no artefact',
          fix: 'give at least one of "frontend", "backend" and "hardware"',
        },
      ]
    case 'enum':
      return [{ where, what: 'is not a known word', fix: `use one of ${String(params['allowedValues'])}` }]
    case 'pattern':
      return [{ where, what: 'is not of the form asked for', fix: hintOf(error) }]
    case 'propertyNames':
      return [
        {
          where: `${where}.${String(params['propertyName'])}`,
          what: 'is not a name for a counter',
          fix: 'use lower-case letters, digits and "_"',
        },
      ]
    default:
      return [{ where, what: error.message ?? 'does not fit', fix: 'see manifest.schema.json' }]
  }
}

function hintOf(error: ErrorObject): string {
  if (error.instancePath.startsWith('/uses'))
    return 'name a node: module that brings in no other code, for example "node:buffer"'
  if (error.instancePath === '/name') return 'use lower-case letters, digits, "_", "." and "-", 63 at most'
  return 'give a path inside the package to a bundled CommonJS file, for example "./dist/frontend.cjs"'
}
