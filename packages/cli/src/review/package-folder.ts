// The folder of a plugin that is to be reviewed: as it is, as it is installed, unpacked, or built first.
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type HalfName, type PluginPackage, readPlugin } from '@netaccel/core'
import { readFolder } from '@netaccel/host'
import { CliError } from '../errors.js'

const HALVES: readonly HalfName[] = ['frontend', 'backend', 'hardware']
const TARBALL = /\.(?:tgz|tar\.gz)$/
/** Where sources are, as the template has them, and what else a build depends on. */
const SOURCES = ['src', 'tsup.config.ts', 'tsup.config.mjs', 'tsconfig.json']

/** Where the package is, and how to give back what was taken for it. */
export interface ReviewFolder {
  readonly folder: string
  remove(): void
}

/**
 * `plugin`: a folder, a tarball, or the name of an installed plugin or package. `building`: called before a build, which
 * comes first when artefacts are missing or older than their sources.
 * @throws AcceleratorError BAD_MANIFEST, BAD_PACKAGE; HostError NO_SUCH_PART; CliError PROGRAM, BAD_FILE
 */
export function reviewFolder(plugin: string, building: (folder: string) => void): ReviewFolder {
  if (TARBALL.test(plugin)) return unpacked(plugin)
  const folder = existsSync(join(plugin, 'package.json')) ? resolve(plugin) : readFolder(plugin).files.from
  const stale = staleness(folder, readPlugin(folder))
  if (stale !== undefined) build(folder, stale, building)
  return { folder, remove: () => undefined }
}

/** What of a tarball a host would read, in a folder of its own: the manifest and the artefacts. */
function unpacked(path: string): ReviewFolder {
  const plugin = readPlugin(path)
  const folder = mkdtempSync(join(tmpdir(), 'netaccel-review-'))
  for (const file of ['./package.json', ...artefactsOf(plugin)]) {
    const bytes = plugin.files.read(file)
    if (bytes === undefined) continue
    const place = join(folder, file)
    mkdirSync(dirname(place), { recursive: true })
    writeFileSync(place, bytes)
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function artefactsOf({ manifest }: PluginPackage): string[] {
  return HALVES.flatMap((half) => manifest[half] ?? [])
}

/** Why the artefacts are not what the sources say; undefined: they are. */
function staleness(folder: string, plugin: PluginPackage): string | undefined {
  const artefacts = artefactsOf(plugin).map((path) => join(folder, path))
  const missing = artefacts.find((path) => !existsSync(path))
  if (missing !== undefined) return `${missing} is missing`
  const oldest = Math.min(...artefacts.map((path) => statSync(path).mtimeMs))
  const newer = SOURCES.flatMap((name) => filesIn(join(folder, name))).find(
    (path) => statSync(path).mtimeMs > oldest,
  )
  return newer === undefined ? undefined : `${newer} is newer than what was built`
}

function filesIn(path: string): string[] {
  if (!existsSync(path)) return []
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { withFileTypes: true })
    .filter(({ name }) => !name.includes('.test.'))
    .flatMap(({ name }) => filesIn(join(path, name)))
}

function build(folder: string, why: string, building: (folder: string) => void): void {
  const { scripts = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    scripts?: Record<string, string>
  }
  if (scripts['build'] === undefined)
    throw new CliError(
      'BAD_FILE',
      `${why}, and ${folder}/package.json has no script "build": build the package`,
    )
  building(folder)
  try {
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    const said = `${stdout}${stderr}`.trim().split('\n').slice(-3).join(' ')
    throw new CliError('PROGRAM', `\`npm run build\` failed in ${folder}: ${said}`, { cause: error })
  }
}
