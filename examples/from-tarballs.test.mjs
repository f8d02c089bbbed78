// What users of the published packages do first. All packages are installed from tarballs into one folder; the examples
// `install`, `author` and `kit` run in folders inside it, by the commands of their READMEs.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { published } from '../scripts/pack.mjs'
import { root } from '../scripts/packages.mjs'
import { installTarballs, makeTarballs } from '../scripts/tarballs.mjs'

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

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 150_000 })
  return { status, stdout, stderr }
}

/** The lines of the shell block in an example's README. */
function commandsOf(example) {
  const text = readFileSync(join(here, example, 'README.md'), 'utf8')
  return /^```sh\n(.*?)\n```/ms.exec(text)[1].split('\n')
}

/** The packages that an `npm install` names. */
function namesIn(command) {
  const names = command.split(' ').filter((word) => word.startsWith('@'))
  expect(command).toBe(`npm install ${names.join(' ')}`)
  return names
}

/** A copy of an example's folder, whose package.json says what `npm install NAMES` would have made it say. */
function copyExample(example, names) {
  const folder = join(project, example)
  cpSync(join(here, example), folder, { recursive: true })
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:${tarballs.get(name)}`]))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  return folder
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
    const [install, node] = commandsOf('install')
    const folder = copyExample('install', namesIn(install))
    const { status, stdout, stderr } = run(process.execPath, node.split(' ').slice(1), folder)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^nothing lost/m)
    // Virtual time is exact: `npx vitest run examples -u` stores it anew after a change that is meant to change it.
    await expect(stdout).toMatchFileSnapshot('install/output.txt')
  })
})
