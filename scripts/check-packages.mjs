// What every package.json here has in common, and that a plugin's manifest tells the truth about its artefacts.
import { existsSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packages, root } from './packages.mjs'

const keyword = 'netaccel-plugin'
const capabilities = [
  'tx',
  'tx-checksum',
  'tx-gso',
  'rx',
  'rx-checksum',
  'rx-merge',
  'queues',
  'vi',
  'filters',
  'observe',
  'peers',
]

function checkCommon(pkg, problems) {
  const { json } = pkg
  const common = {
    name: `@netaccel/${pkg.name}`,
    license: 'MIT',
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20.19' },
    publishConfig: json.private === true ? undefined : { access: 'public' },
  }
  for (const [key, value] of Object.entries(common)) {
    if (JSON.stringify(json[key]) !== JSON.stringify(value))
      problems.push(`"${key}" must be ${JSON.stringify(value)}`)
  }
  if (!json.description?.endsWith('.')) problems.push('"description" must be a sentence')
  if (!json.files?.includes('dist')) problems.push('"files" must name dist')
  const main = json.exports?.['.']
  if (main?.types !== './dist/index.d.ts' || main?.default !== './dist/index.js')
    problems.push('"exports" must point to dist/index')
  if (Object.keys(main ?? {})[0] !== 'types')
    problems.push('"types" must be the first condition of "exports"')
  if (!existsSync(join(pkg.dir, 'README.md'))) return problems.push('README.md is missing')
  const readme = readFileSync(join(pkg.dir, 'README.md'), 'utf8')
  for (const heading of ['Assumes', 'Does not do']) {
    if (!new RegExp(`^#+ ${heading}`, 'm').test(readme))
      problems.push(`README.md has no section "${heading}"`)
  }
}

/** An artefact is one file: all it asks for is the contract and the node: modules that the manifest declares. */
function checkArtefact(pkg, half, path, uses, problems) {
  const file = join(pkg.dir, path)
  if (!path.startsWith('./dist/') || !path.endsWith('.cjs'))
    problems.push(`"${half}" must be a .cjs file in ./dist`)
  if (!existsSync(file)) return problems.push(`"${half}" names ${path}, which the build did not make`)
  for (const [, module] of readFileSync(file, 'utf8').matchAll(/\brequire\(\s*["']([^"']+)["']\s*\)/g)) {
    if (module === '@netaccel/core' || uses.includes(module)) continue
    problems.push(
      `${path} requires ${module}${builtinModules.includes(module) ? '; write it with node:' : ''}, which "uses" does not declare`,
    )
  }
}

const CORE = '@netaccel/core'

/**
 * A plugin takes core as a peer, in a range with two ends that holds the present core (docs/adr/0010-versions.md). Of our
 * packages nothing else may be needed when it runs.
 */
function checkPeers(pkg, core, problems) {
  const { dependencies, peerDependencies } = pkg.json
  for (const name of Object.keys(dependencies ?? {}))
    if (name.startsWith('@netaccel/'))
      problems.push(`a plugin must not depend on ${name}; its artefacts bundle it`)
  const ends = /^>=(\d+)\.(\d+)\.(\d+) <(\d+)$/
    .exec(peerDependencies?.[CORE] ?? '')
    ?.slice(1)
    .map(Number)
  if (ends === undefined)
    return problems.push(`"peerDependencies" must name ${CORE} by ">=LOWEST <MAJOR", such as ">=0.1.0 <1"`)
  const [major, minor, patch] = core.split('.').map(Number)
  const [lowMajor, lowMinor, lowPatch, end] = ends
  const above = major - lowMajor || minor - lowMinor || patch - lowPatch
  if (above < 0 || major >= end) problems.push(`${CORE} is ${core}, which "peerDependencies" does not take`)
  if (end > major + 1)
    problems.push(`"peerDependencies" takes ${CORE} ${major + 1}, which may drop what the plugin uses`)
}

const isRange = (range) =>
  Array.isArray(range) &&
  range.length === 2 &&
  range.every(Number.isInteger) &&
  range[0] >= 1 &&
  range[0] <= range[1]

function checkManifest(pkg, problems) {
  const manifest = pkg.json.netaccel
  const marked = pkg.json.keywords?.includes(keyword) === true
  if (marked !== (manifest !== undefined))
    problems.push(`the keyword ${keyword} and a "netaccel" manifest go together`)
  if (manifest === undefined) return
  if (!/^[a-z][a-z0-9_-]*$/.test(manifest.name ?? ''))
    problems.push('"netaccel.name" must be a short lower-case name')
  for (const half of ['frontend', 'backend']) {
    if ((manifest[half] === undefined) !== (manifest.apiVersion?.[half] === undefined)) {
      problems.push(`"netaccel.${half}" and "netaccel.apiVersion.${half}" go together`)
    } else if (manifest[half] !== undefined && !isRange(manifest.apiVersion[half])) {
      problems.push(`"netaccel.apiVersion.${half}" must be [lowest, highest]`)
    }
  }
  for (const name of manifest.capabilities ?? []) {
    if (!capabilities.includes(name))
      problems.push(`capability ${name} is unknown; there are ${capabilities.join(', ')}`)
  }
  const uses = manifest.uses ?? []
  for (const module of uses)
    if (!builtinModules.includes(module.replace(/^node:/, '')))
      problems.push(`"uses" names ${module}, not a node: module`)
  for (const half of ['frontend', 'backend', 'hardware']) {
    if (manifest[half] !== undefined) checkArtefact(pkg, half, manifest[half], uses, problems)
  }
}

/** Every problem, one sentence each. */
export function checkPackages() {
  const found = []
  const core = packages().find((pkg) => pkg.json.name === CORE).json.version
  for (const pkg of packages()) {
    const problems = []
    checkCommon(pkg, problems)
    checkManifest(pkg, problems)
    if (pkg.json.netaccel !== undefined) checkPeers(pkg, core, problems)
    found.push(...problems.map((problem) => `packages/${pkg.name}: ${problem}`))
  }
  const types = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')).references.map(
    (ref) => ref.path,
  )
  for (const pkg of packages()) {
    if (!types.includes(`packages/${pkg.name}`))
      found.push(`tsconfig.json does not refer to packages/${pkg.name}`)
  }
  return found
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = checkPackages()
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
