import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { discoverPlugins } from './discover.js'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true })
})

/** Folders with files in them: an object is written as JSON, a text as it is, `-> path` is a symlink. */
function tree(files: Record<string, unknown>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'netaccel-discover-')))
  roots.push(root)
  for (const [path, content] of Object.entries(files)) {
    const place = join(root, path)
    mkdirSync(dirname(place), { recursive: true })
    if (typeof content === 'string' && content.startsWith('-> '))
      symlinkSync(join(root, content.slice(3)), place)
    else writeFileSync(place, typeof content === 'string' ? content : JSON.stringify(content))
  }
  return root
}

const plugin = (name: string, more: Record<string, unknown> = {}) => ({
  name: `package-of-${name}`,
  version: '1.0.0',
  keywords: ['netaccel-plugin'],
  netaccel: { name, apiVersion: { frontend: [1, 1] }, frontend: './f.cjs', capabilities: [] },
  ...more,
})

const namesOf = (folder: string) => discoverPlugins(folder).plugins.map((found) => found.plugin.manifest.name)

describe('discovery', () => {
  it('finds the plugins among the direct dependencies of all three kinds, and no others', () => {
    const root = tree({
      'package.json': {
        dependencies: { '@me/nic': '1', 'left-pad': '1' },
        devDependencies: { dev: '1' },
        optionalDependencies: { optional: '1' },
        peerDependencies: { peer: '1' },
      },
      'node_modules/@me/nic/package.json': plugin('my_nic'),
      'node_modules/left-pad/package.json': { name: 'left-pad', keywords: ['pad'] },
      'node_modules/dev/package.json': plugin('of_dev'),
      'node_modules/optional/package.json': plugin('of_optional'),
      'node_modules/peer/package.json': plugin('of_peer'),
      'node_modules/indirect/package.json': plugin('of_nobody'),
    })
    const { plugins, broken, missing } = discoverPlugins(root)
    expect(plugins.map(({ dependency, plugin: { manifest } }) => [dependency, manifest.name])).toEqual([
      ['@me/nic', 'my_nic'],
      ['dev', 'of_dev'],
      ['optional', 'of_optional'],
    ])
    expect(plugins[0]?.folder).toBe(join(root, 'node_modules/@me/nic'))
    expect([broken, missing]).toEqual([[], []])
  })

  it('looks where Node looks: above the folder, and through the links of a workspace', () => {
    const root = tree({
      'package.json': { workspaces: ['packages/*'] },
      'packages/host/package.json': { dependencies: { 'package-of-linked': '*', hoisted: '*', both: '*' } },
      'packages/linked/package.json': plugin('linked'),
      'node_modules/package-of-linked': '-> packages/linked',
      'node_modules/hoisted/package.json': plugin('hoisted'),
      'node_modules/both/package.json': plugin('above'),
      'packages/host/node_modules/both/package.json': plugin('nearest'),
    })
    expect(namesOf(join(root, 'packages/host'))).toEqual(['linked', 'hoisted', 'nearest'])
    expect(discoverPlugins(join(root, 'packages/host')).plugins[0]?.folder).toBe(
      join(root, 'packages/linked'),
    )
  })

  it('keeps apart what is meant as a plugin and cannot be one, each with its sentence', () => {
    const root = tree({
      'package.json': { dependencies: { keyword: '1', field: '1', garbage: '1', good: '1', gone: '1' } },
      'node_modules/keyword/package.json': { name: 'keyword', keywords: ['netaccel-plugin'] },
      'node_modules/field/package.json': plugin('half_baked', { keywords: [] }),
      'node_modules/garbage/package.json': '{ "name": ',
      'node_modules/good/package.json': plugin('good'),
    })
    const { plugins, broken, missing } = discoverPlugins(root)
    expect(plugins.map(({ dependency }) => dependency)).toEqual(['good'])
    expect(broken.map(({ dependency, name, error }) => [dependency, name, error.code])).toEqual([
      ['keyword', undefined, 'BAD_MANIFEST'],
      ['field', 'half_baked', 'BAD_MANIFEST'],
      ['garbage', undefined, 'BAD_MANIFEST'],
    ])
    expect(broken.map(({ error }) => error.detail)).toEqual([
      expect.stringContaining('keyword/package.json: netaccel is missing: add the object'),
      expect.stringContaining('keywords does not contain "netaccel-plugin": add it'),
      expect.stringContaining('garbage/package.json is not JSON'),
    ])
    expect(missing).toEqual(['gone'])
  })

  it('takes neither of two plugins with one name, and names both folders', () => {
    const root = tree({
      'package.json': { dependencies: { one: '1', two: '1', three: '1' } },
      'node_modules/one/package.json': plugin('twin'),
      'node_modules/two/package.json': plugin('twin'),
      'node_modules/three/package.json': plugin('alone'),
    })
    const { plugins, broken } = discoverPlugins(root)
    expect(plugins.map(({ dependency }) => dependency)).toEqual(['three'])
    expect(broken.map(({ name, error }) => [name, error.code])).toEqual([
      ['twin', 'NAME_TAKEN'],
      ['twin', 'NAME_TAKEN'],
    ])
    const folders = `${join(root, 'node_modules/one')} and of ${join(root, 'node_modules/two')}`
    expect(broken[0]?.error.detail).toBe(`twin is the plugin of ${folders}`)
  })

  it('counts one package that is reached by two names once', () => {
    const root = tree({
      'package.json': { dependencies: { one: '1', alias: '1' } },
      'node_modules/one/package.json': plugin('once'),
      'node_modules/alias': '-> node_modules/one',
    })
    expect(namesOf(root)).toEqual(['once'])
    expect(discoverPlugins(root).broken).toEqual([])
  })

  it.each([
    ['no package.json', {}],
    ['one that is not JSON', { 'package.json': '[' }],
  ])('says what to do in a folder with %s', (_, files) => {
    const root = tree(files)
    expect(() => discoverPlugins(root)).toThrow(
      `BAD_MANIFEST: ${root} has no package.json that can be read; run in the folder of the host's project`,
    )
  })
})
