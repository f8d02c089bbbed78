import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pluginNameOf } from './answers.js'
import type { Answers, Kind } from './answers.js'
import { licenseText } from './licenses.js'
import type { Sources, Versions } from './versions.js'

/** Names that npm would eat or take for its own if the template had them. */
const RENAMED: Readonly<Record<string, string>> = {
  _gitignore: '.gitignore',
  '_package.json': 'package.json',
  _changeset: '.changeset',
  _github: '.github',
}

interface PackageJson {
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  overrides?: Record<string, string>
}

/** Every file of the new package: its path, with `/`, and its text. */
export function filesOf(
  dist: string,
  answers: Answers,
  versions: Versions,
  sources: Sources,
): Map<string, string> {
  const files = new Map<string, string>()
  for (const [path, text] of [...templateFiles(dist, 'common'), ...templateFiles(dist, answers.kind)])
    files.set(path, fillIn(text, answers, versions, path.endsWith('.json')))
  files.set('LICENSE', fillIn(licenseText(answers.license), answers, versions, false))
  const json = JSON.parse(files.get('package.json') ?? '') as PackageJson
  files.set('package.json', `${JSON.stringify(withVersions(json, answers, versions, sources), null, 2)}\n`)
  return files
}

function templateFiles(dist: string, part: Kind | 'common'): [path: string, text: string][] {
  const folder = join(dist, 'templates', part)
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return found.map((entry) => {
    const file = join(entry.parentPath, entry.name)
    const path = file.slice(folder.length + 1).split(/[\\/]/)
    return [path.map((name) => RENAMED[name] ?? name).join('/'), readFileSync(file, 'utf8')]
  })
}

function fillIn(text: string, answers: Answers, { theirs }: Versions, isJson: boolean): string {
  const { name, description, license } = answers
  const quoted = (value: string): string => (isJson ? JSON.stringify(value).slice(1, -1) : value)
  const values: Record<string, string> = {
    NAME: name,
    PLUGIN: pluginNameOf(name),
    DESCRIPTION: description,
    LICENSE: license,
    // The major of a tool that is fetched when it is used, so that not every install waits for it.
    CHANGESETS: /\d+/.exec(theirs['@changesets/cli'])?.[0] ?? 'latest',
  }
  return text.replaceAll(/__([A-Z]+)__/g, (whole, token: string) => {
    const value = values[token]
    return value === undefined ? whole : quoted(value)
  })
}

/** In the template every range is `*`. */
function withVersions(
  json: PackageJson,
  { local }: Answers,
  { peer }: Versions,
  sources: Sources,
): PackageJson {
  const ranges = (list: Record<string, string> = {}): Record<string, string> =>
    Object.fromEntries(Object.keys(list).map((name) => [name, sources.rangeOf(name, local)]))
  const peers = Object.fromEntries(Object.keys(json.peerDependencies ?? {}).map((name) => [name, peer]))
  return {
    ...json,
    peerDependencies: peers,
    devDependencies: ranges(json.devDependencies),
    ...(local !== undefined && { overrides: sources.overrides() }),
  }
}
