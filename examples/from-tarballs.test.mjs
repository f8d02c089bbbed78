// What users of the published packages do first. All packages are installed from tarballs into one folder; the examples
// `install`, `author` and `kit` run in folders inside it, by the commands of their READMEs.
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { npm, published } from '../scripts/pack.mjs'
import { root } from '../scripts/packages.mjs'
import { installTarballs, makeTarballs } from '../scripts/tarballs.mjs'

// Most of it is npm, which takes ten times as long on a machine with much else to do.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

const SOAK = process.env['NETACCEL_TIER'] === 'soak'
const here = import.meta.dirname
const place = mkdtempSync(join(tmpdir(), 'netaccel-tarballs-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))
const project = join(place, 'project')
/** By package name. */
let tarballs

beforeAll(() => {
  mkdirSync(project)
  mkdirSync(join(place, 'tarballs'))
  tarballs = makeTarballs(join(place, 'tarballs'))
  installTarballs(project, tarballs)
})

function run(command, args, cwd, options = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: 500_000,
    ...options,
  })
  return { status, stdout, stderr }
}

/** The lines of each shell block in an example's README. */
function blocksOf(example) {
  const text = readFileSync(join(here, example, 'README.md'), 'utf8')
  return [...text.matchAll(/^```sh\n(.*?)\n```/gms)].map(([, block]) => block.split('\n'))
}

/** The packages that an `npm install` names. */
function namesIn(command) {
  const names = command.split(' ').filter((word) => word.startsWith('@'))
  expect(command).toBe(`npm install ${names.join(' ')}`)
  return names
}

/** What `npx netaccel ...` makes Node run. */
const typed = (command) => [
  join(project, 'node_modules/@netaccel/cli/dist/bin.js'),
  ...command.replace('npx netaccel ', '').split(' '),
]

/** A copy of an example's folder, whose package.json says what `npm install NAMES` would have made it say. */
function copyExample(example, names) {
  const folder = join(project, example)
  cpSync(join(here, example), folder, { recursive: true })
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:${tarballs.get(name)}`]))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  return folder
}

/**
 * The tools that the template builds and tests with, as this repository has them: to fetch them again takes half a minute
 * and a registry, so only with full counts.
 */
function linkTools(folder) {
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
  for (const name of ['.bin', '@types/node', 'tsup', 'typescript', 'vitest'])
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'junction')
}

/** Every entry of every package, as a user would name it: all of them, and those that have types. */
const entries = published().flatMap((pkg) =>
  Object.entries(pkg.json.exports)
    .filter(([, to]) => to.types !== undefined)
    .map(([name]) => pkg.json.name + name.slice(1)),
)

describe.each([
  ['module', (name, at) => `import * as p${at} from '${name}'`],
  ['commonjs', (name, at) => `import p${at} = require('${name}')`],
])('in a project of type %s', (type, importing) => {
  const folder = join(project, type)
  beforeAll(() => {
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type }))
  })

  it('every package type-checks, its declarations and their names too', () => {
    // Node's own types are the user's to bring; nothing else is, browser libraries neither.
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
    symlinkSync(join(root, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'), 'junction')
    const compilerOptions = { module: 'nodenext', target: 'es2023', lib: ['es2023'], types: ['node'] }
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...compilerOptions, strict: true, noEmit: true } }),
    )
    const all = `export const all: object[] = [${entries.map((_, at) => `p${at}`).join(', ')}]`
    writeFileSync(join(folder, 'all.ts'), [...entries.map(importing), all].join('\n'))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    expect(run(process.execPath, [tsc, '-p', folder], folder)).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  it('every package loads', () => {
    const load = type === 'module' ? 'await import(name)' : 'require(name)'
    const text = `for (const name of ${JSON.stringify(entries)}) console.log(name, Object.keys(${load}).length > 0)`
    const script = join(folder, 'load.js')
    writeFileSync(script, text)
    const { status, stdout, stderr } = run(process.execPath, [script], folder)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout.trim().split('\n')).toEqual(entries.map((name) => `${name} true`))
  })
})

describe('who builds a host', () => {
  it('installs an accelerator, loads it and unloads it under traffic', async () => {
    const [install, node] = blocksOf('install')[0]
    const folder = copyExample('install', namesIn(install))
    const { status, stdout, stderr } = run(process.execPath, node.split(' ').slice(1), folder)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^nothing lost/m)
    // Virtual time is exact: `npx vitest run examples -u` stores it anew after a change that is meant to change it.
    await expect(stdout).toMatchFileSnapshot('install/output.txt')
  })
})

describe('who has no program of their own', () => {
  const [install, first, ...others] = blocksOf('install')[1]
  let folder
  let env
  let host
  /** Of both streams of the first terminal. */
  let said = ''
  let ended
  beforeAll(async () => {
    folder = copyExample('install', namesIn(install))
    env = { ...process.env, XDG_RUNTIME_DIR: join(place, 'run'), NO_COLOR: '1' }
    host = spawn(process.execPath, typed(first), { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    ended = new Promise((resolve) => void host.on('close', resolve))
    const listens = new Promise((resolve) => {
      const hear = (chunk) => {
        said += chunk
        if (said.includes('listens at')) resolve(true)
      }
      host.stdout.setEncoding('utf8').on('data', hear)
      host.stderr.setEncoding('utf8').on('data', hear)
    })
    expect([await Promise.race([listens, ended]), said]).toEqual([true, said])
  })
  afterAll(async () => {
    host.kill('SIGKILL')
    await ended
  })

  it('loads and unloads an accelerator in a running host by the command, and stops it', async () => {
    const found = others.map((command) => [
      command,
      run(process.execPath, typed(command), folder, { env }).status,
    ])
    expect(found).toEqual(others.map((command) => [command, 0]))
    expect([await ended, said]).toEqual([0, expect.stringContaining('verdict: nothing lost')])
  })
})

describe('who writes an accelerator', () => {
  const [create, install, test, host, node] = blocksOf('author')[0]
  let folder
  let made
  beforeAll(() => {
    folder = copyExample('author', namesIn(host))
    made = join(folder, 'my-nic')
    // What `npm create` runs. It finds out by itself that it came from a tarball, and takes the others beside it.
    const [name, flag] = create.replace('npm create @netaccel/accelerator ', '').split(' -- ')
    const bin = join(project, 'node_modules/@netaccel/create-accelerator/dist/bin.js')
    const { status, stdout } = run(process.execPath, [bin, name, flag], folder)
    expect([status, stdout]).toEqual([0, expect.stringContaining('Made my-nic')])
  })

  it('has a package whose netaccel dependencies are tarballs that are there', () => {
    const { devDependencies, overrides } = JSON.parse(readFileSync(join(made, 'package.json'), 'utf8'))
    const ours = Object.entries({ ...overrides, ...devDependencies }).filter(([name]) => tarballs.has(name))
    expect(ours.length).toBeGreaterThan(3)
    for (const [, range] of ours) expect(existsSync(join(made, range.replace('file:', '')))).toBe(true)
  })

  it('which builds and passes its tests as it is', () => {
    expect(install).toBe('npm install --prefix my-nic')
    if (SOAK) npm(install.split(' ').slice(1), { cwd: folder })
    else linkTools(folder)
    // The whole kit takes as long as all the rest together: with full counts, else by one rule below.
    const quick = SOAK ? [] : ['--exclude', '**/conformance.test.ts']
    const args = [...test.split(' ').slice(1), '--', '--reporter=dot', ...quick]
    expect(npm(args, { cwd: folder })).toContain('passed')
  })

  it('and keeps to a rule of the kit, or all with full counts', () => {
    const command = `npx netaccel test my-nic${SOAK ? '' : ' --rule ST-01'}`
    const { status, stdout } = run(process.execPath, typed(command), folder)
    expect([status, stdout]).toEqual([0, expect.stringContaining(' 0 failed')])
  })

  it('and carries frames in a host', async () => {
    const { status, stdout, stderr } = run(process.execPath, node.split(' ').slice(1), folder)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^nothing lost/m)
    await expect(stdout).toMatchFileSnapshot('author/output.txt')
  })
})

describe('who reviews one', () => {
  it('runs the kit on an installed package by the command, without a test file', () => {
    const [install, command] = blocksOf('kit')[0]
    const folder = copyExample('kit', namesIn(install))
    const rule = SOAK ? '' : ' --rule VN-01'
    const { status, stdout } = run(process.execPath, typed(command + rule), folder)
    expect([status, stdout]).toEqual([0, expect.stringContaining(' 0 failed')])
    for (const file of ['report.html', 'report.xml', 'badge.svg'])
      expect(readFileSync(join(folder, file), 'utf8')).toContain('sfc_netfront')
  })

  it.runIf(SOAK)('runs some of its rules from a program', () => {
    const [install, node] = blocksOf('kit')[1]
    const folder = copyExample('kit', namesIn(install))
    const { status, stdout, stderr } = run(process.execPath, node.split(' ').slice(1), folder)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain(' 0 failed')
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('TX-03')
  })
})
