import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kindNames, LICENSES, nameProblem, pluginNameOf } from './answers.js'
import type { Answers } from './answers.js'
import { createAccelerator } from './create.js'
import { CreateError } from './errors.js'
import { main } from './main.js'
import type { Surroundings } from './main.js'
import { tarballFolder } from './origin.js'
import { readVersions, tarballName } from './versions.js'
import { writeAll } from './write.js'

const VERSIONS = readVersions(fileURLToPath(new URL('../dist', import.meta.url)))
const ANSWERS: Answers = {
  name: '@me/my-nic',
  kind: 'nic',
  description: 'Fast, they say, and "quoted".',
  license: 'MIT',
  local: undefined,
  install: false,
}

let within = ''
beforeEach(() => {
  within = mkdtempSync(join(tmpdir(), 'create-accelerator-'))
})
afterEach(() => rmSync(within, { recursive: true, force: true }))

interface Made {
  readonly name: string
  readonly netaccel: { readonly name: string }
  readonly devDependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
  readonly overrides?: Record<string, string>
}

function packageJson(folder: string): Made {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Made
}

/** Tarballs of the netaccel packages, or files of that name. */
function tarballs(): string {
  const folder = join(within, 'tarballs')
  mkdirSync(folder)
  for (const [name, version] of Object.entries(VERSIONS.ours))
    writeFileSync(join(folder, tarballName(name, version)), '')
  return folder
}

/** Runs the command in the temporary folder, without a terminal. */
async function run(
  args: string[],
  around: Partial<Surroundings> = {},
): Promise<{ code: number; said: string[] }> {
  const said: string[] = []
  const code = await main(args, {
    cwd: within,
    isTerminal: false,
    print: (line) => void said.push(line),
    record: join(within, 'no-such-record'),
    install: () => 0,
    ...around,
  })
  return { code, said }
}

describe('a new package', () => {
  it.each(kindNames)(
    'of kind %s has every file, every word filled in, and names that npm lets through',
    (kind) => {
      const { folder, files } = createAccelerator({ ...ANSWERS, kind }, within)
      expect(folder).toBe(join(within, 'my-nic'))
      expect(files).toEqual(
        expect.arrayContaining([
          '.changeset/config.json',
          '.github/workflows/ci.yml',
          '.gitignore',
          'LICENSE',
          'README.md',
          'package.json',
          'src/backend.ts',
          'src/conformance.test.ts',
          'src/frontend.ts',
          'src/index.ts',
          'tsconfig.json',
          'tsup.config.ts',
        ]),
      )
      expect(files.includes('src/hardware.ts')).toBe(kind === 'nic')
      for (const file of files)
        expect(readFileSync(join(folder, file), 'utf8'), file).not.toMatch(/__[A-Z]+__/)
      const json = packageJson(folder)
      expect([json.name, json.netaccel.name]).toEqual(['@me/my-nic', 'my-nic'])
      expect(json.devDependencies['@netaccel/core']).toBe(`^${VERSIONS.ours['@netaccel/core']}`)
      expect(json.devDependencies['vitest']).toBe(VERSIONS.theirs['vitest'])
      expect(json.peerDependencies).toEqual({ '@netaccel/core': VERSIONS.peer })
      expect(json.overrides).toBeUndefined()
      expect(readdirSync(within)).toEqual(['my-nic'])
    },
  )

  it.each(LICENSES)('has the text of its licence: %s', (license) => {
    const { folder } = createAccelerator({ ...ANSWERS, license }, within)
    expect(readFileSync(join(folder, 'LICENSE'), 'utf8')).toContain('Copyright (c) the authors of @me/my-nic')
  })

  it('takes every netaccel package from the tarballs, those that others depend on as well', () => {
    const json = packageJson(createAccelerator({ ...ANSWERS, local: tarballs() }, within).folder)
    const core = `file:../tarballs/${tarballName('@netaccel/core', VERSIONS.ours['@netaccel/core'])}`
    expect(json.devDependencies['@netaccel/core']).toBe(core)
    expect(Object.keys(json.overrides ?? {}).sort()).toEqual(Object.keys(VERSIONS.ours).sort())
  })

  it('leaves nothing half made when writing fails', () => {
    const impossible = new Map([
      ['a', 'a file'],
      ['a/b', 'and a folder'],
    ])
    expect(() => writeAll(join(within, 'new'), impossible)).toThrow(/EEXIST|ENOTDIR/)
    expect(readdirSync(within)).toEqual([])
  })
})

describe('names', () => {
  it.each(['my-nic', '@me/my-nic', 'nic2'])('takes %s', (name) => expect(nameProblem(name)).toBeUndefined())

  it.each([
    ['My-Nic', /capital/],
    ['-nic', /hyphen/],
    ['.nic', /period/],
    ['a b', /URL/],
    ['node_modules', /not a valid package name|exclusion|blacklist/],
    ['../nic', /URL|period/],
  ])('refuses %s with its rule', (name, rule) => expect(nameProblem(name)).toMatch(rule))

  it('makes of them a word for store keys', () => expect(pluginNameOf('@me/my.nic~2')).toBe('my-nic-2'))
})

describe('the command', () => {
  it('says what it made and which three commands come next', async () => {
    const { code, said } = await run(['my-nic', '--yes'])
    expect(code).toBe(0)
    expect(said[0]).toMatch(/^Made my-nic \(nic\) in \.\/my-nic: \d+ files\.$/)
    expect(said.slice(-4)).toEqual(['Next:', '  cd my-nic', '  npm install', '  npm test'])
  })

  it('takes every answer from a flag', async () => {
    const flags = [
      '--kind',
      'minimal',
      '--license=ISC',
      '--description',
      'Nothing.',
      '--local',
      tarballs(),
      '--install',
    ]
    const installed: string[] = []
    const install = (folder: string): number => installed.push(folder) - 1
    const { code, said } = await run(['@me/quiet', ...flags], { install })
    expect([code, installed]).toEqual([0, [join(within, 'quiet')]])
    expect(said.at(-1)).toBe('  npm run check')
    expect(readFileSync(join(within, 'quiet/README.md'), 'utf8')).toContain('Nothing.')
    expect(readFileSync(join(within, 'quiet/LICENSE'), 'utf8')).toMatch(/^ISC/)
  })

  it.each([
    [['my-nic', '--kind', 'switch'], '--kind switch is unknown; there are nic, bypass, minimal.'],
    [
      ['my-nic', '--license', 'GPL'],
      '--license GPL is unknown; there are MIT, ISC, BSD-2-Clause, UNLICENSED.',
    ],
    [['--kind', 'nic'], 'Give the new package a name: npm create @netaccel/accelerator my-nic'],
    [['My-Nic'], 'npm does not take "My-Nic": name can no longer contain capital letters.'],
    [['one', 'two'], 'One name is enough: two is too much; see --help.'],
    [['my-nic', '--fast'], 'Unknown option `--fast`; see --help.'],
    [['my-nic', '--kind'], 'option `--kind <kind>` value is missing; see --help.'],
  ])('ends with 1 and one sentence for %j', async (args, sentence) => {
    expect(await run(args)).toEqual({ code: 1, said: [sentence] })
    expect(readdirSync(within)).toEqual([])
  })

  it('does not touch a folder that holds something, and takes an empty one', async () => {
    mkdirSync(join(within, 'my-nic'))
    writeFileSync(join(within, 'my-nic/mine.txt'), 'mine')
    const { code, said } = await run(['my-nic'])
    expect([code, said.length, readdirSync(join(within, 'my-nic'))]).toEqual([1, 1, ['mine.txt']])
    expect(said[0]).toContain('is not an empty folder; nothing was changed')
    mkdirSync(join(within, 'empty'))
    expect((await run(['empty'])).code).toBe(0)
    expect(readdirSync(within).sort()).toEqual(['empty', 'my-nic'])
  })

  it('names the tarball that is missing', async () => {
    const { code, said } = await run(['my-nic', '--local', '.'])
    expect([code, readdirSync(within)]).toEqual([1, []])
    expect(said[0]).toContain(tarballName('@netaccel/core', VERSIONS.ours['@netaccel/core']))
  })

  it('ends with 1 when npm cannot install, and says what to do', async () => {
    const { code, said } = await run(['my-nic', '--install'], { install: () => 1 })
    expect([code, said.at(-1)]).toEqual([
      1,
      'npm could not install what my-nic depends on; run npm install in ./my-nic when that is mended.',
    ])
  })
})

describe('where the command came from', () => {
  const record = (resolved: string): string => {
    const file = join(within, 'cache/node_modules/.package-lock.json')
    mkdirSync(join(within, 'cache/node_modules'), { recursive: true })
    const packages = { 'node_modules/@netaccel/create-accelerator': { resolved } }
    writeFileSync(file, JSON.stringify({ packages }))
    return file
  }

  it('is the folder of a tarball, whose neighbours are then used', async () => {
    const folder = tarballs()
    const { said } = await run(['my-nic'], { record: record('file:../tarballs/create.tgz') })
    expect(said[0]).toBe(
      `The netaccel packages are taken from the tarballs in ${folder}, where this command came from.`,
    )
    expect(packageJson(join(within, 'my-nic')).devDependencies['@netaccel/core']).toMatch(
      /^file:\.\.\/tarballs\//,
    )
  })

  it('is none otherwise: a registry, a tarball that stands alone, a record that is none', () => {
    const all = (): boolean => true
    expect(tarballFolder(record('https://example.org/create.tgz'), all)).toBeUndefined()
    expect(tarballFolder(record('file:../tarballs/create.tgz'), () => false)).toBeUndefined()
    const file = record('file:x')
    writeFileSync(file, 'no JSON')
    expect(tarballFolder(file, all)).toBeUndefined()
    expect(tarballFolder(join(within, 'nowhere'), all)).toBeUndefined()
  })
})

it('has one code for each way to fail', () => {
  const error = new CreateError('BAD_NAME', 'a sentence')
  expect([error.code, error.message, error instanceof Error]).toEqual(['BAD_NAME', 'a sentence', true])
})
