import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { left, type Resources } from '../check/resources.js'
import { startTraffic } from '../traffic/start-traffic.js'
import { twoHosts } from '../trial/two-hosts.js'
import { build } from './build.js'
import { readInstalled } from './plugin-folder.js'
import type { World } from './world.js'

const project = mkdtempSync(join(tmpdir(), 'netaccel-project-'))
const dependencies: Record<string, string> = {}

const FRONTEND = define('frontend', `return { newDevice: async () => 'declined' }`)
const BACKEND = define('backend', `return { openPort: () => true, probe: async () => ({ remove() {} }) }`)

function define(half: string, body: string): string {
  return `exports.default = require('@netaccel/core').defineAccelerator({ ${half}(context) { ${body} } })`
}

interface Parts {
  readonly json?: unknown
  readonly frontend?: string | null
  readonly backend?: string | null
}

/** Installs a plugin in the project, sound but for what is given. */
function install(dependency: string, { json, frontend = FRONTEND, backend = BACKEND }: Parts = {}): void {
  const folder = join(project, 'node_modules', dependency)
  mkdirSync(folder, { recursive: true })
  dependencies[dependency] = '1.0.0'
  writeFileSync(join(project, 'package.json'), JSON.stringify({ dependencies }))
  const text = typeof json === 'string' ? json : JSON.stringify(json ?? manifest(dependency))
  writeFileSync(join(folder, 'package.json'), text)
  if (frontend !== null) writeFileSync(join(folder, 'frontend.cjs'), frontend)
  if (backend !== null) writeFileSync(join(folder, 'backend.cjs'), backend)
}

function manifest(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    version: '1.0.0',
    keywords: ['netaccel-plugin'],
    netaccel: {
      name,
      apiVersion: { frontend: [1, 1], backend: [1, 1] },
      frontend: './frontend.cjs',
      backend: './backend.cjs',
      capabilities: [],
      ...more,
    },
  }
}

let world: World
let before: Resources

beforeAll(async () => {
  install('sound')
  world = await build({ ...twoHosts(), deadlines: { probe: 20 } }, { readPackage: readInstalled(project) })
  before = world.resources()
})

afterAll(async () => {
  await world.close()
  rmSync(project, { recursive: true })
})

/** What `load` says; afterwards nothing of the plugin is left, and traffic has gone on and was conserved. */
async function refusal(plugin: string, options?: Parameters<World['load']>[1]): Promise<string> {
  const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0', { burst: 8, gapNs: 5_000_000 })
  const said = await world.load(plugin, options).then(
    () => 'loaded',
    (error: unknown) => String(error),
  )
  const sent = traffic.sent
  await world.run({ for: 60_000_000 })
  expect(traffic.sent).toBeGreaterThan(sent)
  expect(world.halves().filter(({ state }) => state !== 'purged')).toEqual([])
  await traffic.stop()
  expect(await world.drain()).toBe(true)
  expect(world.judge().reasons).toEqual([])
  expect(left(before, world.resources())).toEqual({})
  return said
}

describe('the host goes on, and says in one sentence what was wrong and what to do, when a plugin', () => {
  it.each<[string, Parts, RegExp]>([
    [
      'has no manifest',
      { json: { name: 'x', version: '1.0.0' } },
      /^AcceleratorError: BAD_MANIFEST: .*netaccel is missing: add the object/,
    ],
    ['has a manifest that is not JSON', { json: '{' }, /BAD_MANIFEST: .*is not JSON/],
    [
      'has a malformed manifest',
      { json: manifest('x', { frontend: '/etc/passwd', hooks: [] }) },
      /BAD_MANIFEST: .*hooks is unknown: take it out.*netaccel\.frontend is not of the form asked for: give a path/,
    ],
    [
      'is for a newer contract',
      { json: manifest('x', { apiVersion: { frontend: [2, 3], backend: [1, 1] } }) },
      /ENEWER: x \(frontend\) works at 2 to 3, this host provides 1 to 1/,
    ],
    [
      'lacks an artefact',
      { frontend: null },
      /BAD_ARTEFACT: .*names \.\/frontend\.cjs as frontend, and .* has no such file; build the package/,
    ],
    [
      'throws when it is evaluated',
      { frontend: `throw new Error('broken')` },
      /LOAD_FAILED|BAD_ARTEFACT: .*threw while it was evaluated: broken/,
    ],
    ['does not compile', { backend: 'exports.default = {' }, /BAD_ARTEFACT: .*does not compile/],
    [
      'requires what it did not declare',
      { frontend: `require('node:fs'); ${FRONTEND}` },
      /BAD_REQUIRE: .*requires "node:fs"/,
    ],
    [
      'throws in its set-up',
      { backend: define('backend', `throw new Error('no licence')`) },
      /SETUP_FAILED: .*no licence/,
    ],
    [
      'never settles its set-up',
      { frontend: define('frontend', 'return new Promise(() => {})') },
      /DEADLINE: .*took longer than 2000 ms/,
    ],
    [
      'never settles its probe',
      { backend: define('backend', 'return { openPort: () => true, probe: () => new Promise(() => {}) }') },
      /did not attach everywhere: .*probe/,
    ],
    [
      'throws in its probe',
      {
        backend: define(
          'backend',
          `return { openPort: () => true, probe: async () => { throw new Error('no VI') } }`,
        ),
      },
      /did not attach everywhere: .*no VI/,
    ],
    ['declines every vif', {}, /did not attach everywhere: .*guest1\.vif0 is declined/],
  ])('%s', async (_, parts, sentence) => {
    const name = `bad${Object.keys(dependencies).length}`
    install(name, parts)
    expect(await refusal(join(project, 'node_modules', name))).toMatch(sentence)
  })

  it('is not installed', async () => {
    expect(await refusal('no_such')).toMatch(/The package no_such is not installed here; install it with npm/)
    expect(await refusal('@me/no-such')).toMatch(/The package @me\/no-such is not installed here/)
  })

  it('is found twice under one name', async () => {
    install('one', { json: manifest('twin') })
    install('two', { json: manifest('twin') })
    const folders = ['one', 'two'].map((name) => join(project, 'node_modules', name)).join(' and of ')
    expect(await refusal('twin')).toContain(`NAME_TAKEN: twin is the plugin of ${folders}`)
  })

  it('has other bytes than expected', async () => {
    const frontend = createHash('sha256').update(FRONTEND).digest('hex')
    expect(await refusal('sound', { integrity: { frontend, backend: frontend } })).toContain(
      `backend.cjs should be ${frontend} and is ${createHash('sha256').update(BACKEND).digest('hex')}`,
    )
  })
})
