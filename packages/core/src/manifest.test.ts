import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { checkManifest, parseManifest } from './manifest.js'
import { CAPABILITIES } from './manifest-schema.js'
import { readArtefact, readPlugin } from './plugin-package.js'

const plugin = {
  name: 'sfc_netfront',
  apiVersion: { frontend: [1, 1], backend: [1, 2] },
  frontend: './dist/frontend.cjs',
  backend: './dist/backend.cjs',
  hardware: './dist/hardware.cjs',
  capabilities: ['tx', 'tx-gso', 'rx', 'vi', 'filters'],
  uses: ['node:buffer'],
  counters: { frames_cut: 'Frames that the hardware cut.' },
}
const json = (over: Record<string, unknown> = {}) => ({
  keywords: ['netaccel-plugin'],
  netaccel: { ...plugin, ...over },
})
const without = (name: string) => {
  const rest: Record<string, unknown> = { ...plugin }
  delete rest[name]
  return { keywords: ['netaccel-plugin'], netaccel: rest }
}

describe('a manifest', () => {
  it('that fits is given back as it is', () => {
    expect(checkManifest(json())).toEqual(plugin)
    expect(parseManifest(json(), 'here')).toEqual(plugin)
  })

  it('may declare every capability', () => {
    expect(checkManifest(json({ capabilities: Object.keys(CAPABILITIES) }))).toMatchObject({
      name: 'sfc_netfront',
    })
  })

  const wrong: readonly [string, unknown, readonly string[]][] = [
    ['no object', 'text', ['package.json is not an object']],
    ['no netaccel', { keywords: ['netaccel-plugin'] }, ['netaccel is missing']],
    ['no keyword', { ...json(), keywords: ['xen'] }, ['keywords does not contain "netaccel-plugin"']],
    ['no name', without('name'), ['netaccel.name is missing']],
    ['no apiVersion', without('apiVersion'), ['netaccel.apiVersion is missing']],
    ['a slash in the name', json({ name: 'a/b' }), ['netaccel.name is not of the form asked for']],
    ['an unknown field', json({ hooks: [] }), ['netaccel.hooks is unknown']],
    [
      'an unknown capability',
      json({ capabilities: ['tx', 'magic'] }),
      ['netaccel.capabilities.1 is not a known word'],
    ],
    [
      'capabilities without what they need',
      json({ capabilities: ['tx-gso', 'rx-merge', 'filters'] }),
      [
        'netaccel.capabilities has "tx-gso" and not "tx"',
        'netaccel.capabilities has "rx-merge" and not "rx"',
        'netaccel.capabilities has "filters" and not "vi"',
      ],
    ],
    [
      'a range that is one number',
      json({ apiVersion: { frontend: 1, backend: [1, 1] } }),
      ['netaccel.apiVersion.frontend must be array'],
    ],
    [
      'a range upside down',
      json({ apiVersion: { frontend: [2, 1], backend: [1, 1] } }),
      ['netaccel.apiVersion.frontend begins at 2 and ends at 1'],
    ],
    [
      'a half without range',
      json({ apiVersion: { frontend: [1, 1] } }),
      ['netaccel.apiVersion.backend is missing though there is a backend artefact'],
    ],
    [
      'a range without half',
      without('backend'),
      ['netaccel.backend is missing though apiVersion names a backend half'],
    ],
    [
      'no half at all',
      { keywords: ['netaccel-plugin'], netaccel: { name: 'x', apiVersion: {}, capabilities: [] } },
      [
        'netaccel.frontend is missing',
        'netaccel.backend is missing',
        'netaccel.hardware is missing',
        'netaccel names no artefact',
      ],
    ],
    [
      'a path out of the package',
      json({ frontend: './../other.cjs' }),
      ['netaccel.frontend is not of the form asked for'],
    ],
    [
      'an absolute path',
      json({ frontend: '/etc/passwd.cjs' }),
      ['netaccel.frontend is not of the form asked for'],
    ],
    [
      'a module that brings in code',
      json({ uses: ['node:vm'] }),
      ['netaccel.uses.0 is not of the form asked for'],
    ],
    ['a package in uses', json({ uses: ['left-pad'] }), ['netaccel.uses.0 is not of the form asked for']],
    [
      'a counter with a space',
      json({ counters: { 'frames cut': 'x' } }),
      ['netaccel.counters.frames cut is not a name for a counter'],
    ],
  ]
  it.each(wrong)('with %s is told so', (_, content, texts) => {
    const problems = checkManifest(content)
    expect(Array.isArray(problems)).toBe(true)
    const told = (problems as { where: string; what: string; fix: string }[]).map(
      ({ where, what }) => `${where} ${what}`,
    )
    for (const text of texts) expect(told.some((line) => line.startsWith(text))).toBe(true)
    expect(() => parseManifest(content, 'here')).toThrow(/^BAD_MANIFEST: here: /)
  })

  it('says every problem at once, with what to do', () => {
    expect(() => parseManifest(json({ name: 'A', hooks: [] }), '/p/package.json')).toThrow(
      /\/p\/package\.json: netaccel\.hooks is unknown: take it out or correct its name; netaccel\.name is not of the form/,
    )
  })
})

describe('a package', () => {
  const root = mkdtempSync(join(tmpdir(), 'netaccel-'))
  afterAll(() => rmSync(root, { recursive: true }))

  it('is read from a folder without running code, an artefact when it is asked for', () => {
    mkdirSync(join(root, 'dist'))
    writeFileSync(join(root, 'package.json'), JSON.stringify({ name: '@me/p', version: '2.0.0', ...json() }))
    writeFileSync(join(root, 'dist/frontend.cjs'), 'abc')
    const read = readPlugin(root)
    expect([read.packageName, read.packageVersion, read.manifest.name]).toEqual([
      '@me/p',
      '2.0.0',
      'sfc_netfront',
    ])
    expect(readArtefact(read, 'frontend')).toEqual({
      half: 'frontend',
      path: `${root}/dist/frontend.cjs`,
      text: 'abc',
      hash: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    })
    expect(() => readArtefact(read, 'backend')).toThrow(/BAD_ARTEFACT: .*no such file; build the package/)
  })

  it('without a package.json, or with one that is not JSON, is told so', () => {
    expect(() => readPlugin(join(root, 'dist'))).toThrow(/^BAD_MANIFEST: .*there is no package\.json/)
    writeFileSync(join(root, 'dist/package.json'), '{')
    expect(() => readPlugin(join(root, 'dist'))).toThrow(/^BAD_MANIFEST: .*package\.json is not JSON/)
  })

  it('has no half that its manifest does not name', () => {
    const files = {
      from: 'memory',
      read: () =>
        new TextEncoder().encode(JSON.stringify({ ...json(), netaccel: { ...plugin, hardware: undefined } })),
    }
    expect(() => readArtefact(readPlugin(files), 'hardware')).toThrow('NO_HALF')
  })
})
