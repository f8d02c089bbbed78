// What `changeset version` does to the packages, run in a copy: see docs/adr/0010-versions.md.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packages, root } from './packages.mjs'

const copy = mkdtempSync(join(tmpdir(), 'netaccel-release-'))
afterAll(() => rmSync(copy, { recursive: true, force: true }))

const folders = [...packages().map((pkg) => `packages/${pkg.name}`), 'examples', 'bench']
const plugins = packages().filter((pkg) => pkg.json.netaccel !== undefined)

/** The parts of the workspace that changesets looks at. */
function copyWorkspace() {
  for (const file of ['package.json', '.changeset', ...folders.map((folder) => `${folder}/package.json`)]) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    cpSync(join(root, file), join(copy, file), { recursive: true })
  }
  // Packages are found by the workspace's lock file.
  writeFileSync(join(copy, 'package-lock.json'), '{}\n')
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction')
}

/** One release, with one more change to core when `bump` is given. */
function release(bump) {
  if (bump !== undefined)
    writeFileSync(join(copy, '.changeset/of-core.md'), `---\n'@netaccel/core': ${bump}\n---\n\nA change.\n`)
  const changeset = join(root, 'node_modules/@changesets/cli/bin.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, [changeset, 'version'], {
    cwd: copy,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`changeset version failed: ${stdout}${stderr}`)
  const read = (folder) => JSON.parse(readFileSync(join(copy, folder, 'package.json'), 'utf8'))
  return new Map(folders.map((folder) => read(folder)).map((json) => [json.name, json]))
}

const numbers = (version) => version.split('.').map(Number)

/** A caret holds the first number that is not 0: `^0.2.0` takes 0.2.1 and not 0.3.0. */
function takes(range, version) {
  const [low, at] = [numbers(range.replace(/^\^/, '')), numbers(version)]
  const fixed = low[0] > 0 ? 1 : 2
  const moved = at.findIndex((number, place) => number !== low[place])
  return range.startsWith('^') && (moved < 0 || (moved >= fixed && at[moved] > low[moved]))
}

/** What a package of ours asks of another that the version beside it is not. */
function unmet(released) {
  return [...released.values()].flatMap(({ name, dependencies, devDependencies }) =>
    Object.entries({ ...dependencies, ...devDependencies })
      .filter(([on, range]) => released.has(on) && !takes(range, released.get(on).version))
      .map(([on, range]) => `${name} wants ${on} ${range}`),
  )
}

const minorOf = (version) => numbers(version)[1]

describe('a release', () => {
  let first
  beforeAll(() => {
    copyWorkspace()
    first = release()
  })

  it('leaves no package of ours outside the ranges of the others', () => {
    expect(unmet(first)).toEqual([])
  })

  it('with a minor of core leaves the plugins as they are, and takes what stands on core along', () => {
    const second = release('minor')
    const version = (name) => second.get(`@netaccel/${name}`).version
    expect(minorOf(version('core'))).toBe(minorOf(first.get('@netaccel/core').version) + 1)
    expect(plugins.length).toBeGreaterThan(2)
    for (const { json } of plugins) {
      const { version: now, peerDependencies } = second.get(json.name)
      expect([json.name, now]).toEqual([json.name, first.get(json.name).version])
      expect(peerDependencies).toEqual(json.peerDependencies)
    }
    // They are published again, with a patch, for the new range.
    for (const name of ['host', 'netfront', 'netback'])
      expect(second.get(`@netaccel/${name}`).dependencies['@netaccel/core']).toBe(`^${version('core')}`)
    expect(minorOf(version('host'))).toBe(minorOf(first.get('@netaccel/host').version))
    expect(version('host')).not.toBe(first.get('@netaccel/host').version)
    expect(unmet(second)).toEqual([])
  })
})
