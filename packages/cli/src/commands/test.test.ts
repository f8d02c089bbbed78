// `netaccel test` as a reviewer types it. The kit itself is tested where it is; here one cheap rule stands for all.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { KitReport } from '@netaccel/testkit'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { main } from '../main.js'

const DUMMY = fileURLToPath(new URL('../../../accel-dummy', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'netaccel-review-test-'))
const plugin = join(folder, 'my-nic')
const RULE = ['--rule', 'vn-01']

async function netaccel(...args: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((line: string) => void (out += `${line}\n`)),
    vi.spyOn(console, 'error').mockImplementation((line: string) => void (err += `${line}\n`)),
  ]
  const status = await main(['test', ...args])
  for (const spy of spies) spy.mockRestore()
  return { status, out, err }
}

const manifest = JSON.parse(readFileSync(join(DUMMY, 'package.json'), 'utf8')) as { netaccel: object }

function describePackage(more: object): void {
  const { netaccel } = manifest
  const content = { name: 'my-nic', version: '1.2.3', keywords: ['netaccel-plugin'], netaccel, ...more }
  writeFileSync(join(plugin, 'package.json'), JSON.stringify(content))
}

beforeAll(() => {
  mkdirSync(join(plugin, 'src'), { recursive: true })
  cpSync(join(DUMMY, 'dist'), join(plugin, 'dist'), { recursive: true })
  describePackage({})
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('netaccel test', () => {
  it('passes a sound folder, and writes the reports that were asked for', async () => {
    const [junit, html, badge] = ['a.xml', 'a.html', 'a.svg'].map((name) => join(folder, name))
    const files = ['--junit', junit, '--html', html, '--badge', badge]
    const { status, out, err } = await netaccel(plugin, ...RULE, ...files)
    expect([status, err]).toEqual([0, ''])
    expect(out).toContain('my-nic@1.2.3 (dummy)')
    expect(out).toMatch(/1 passed, 0 not applicable, 0 waived, 0 failed/)
    for (const file of [junit, html, badge]) expect(readFileSync(file, 'utf8')).toContain('1.2.3')
  })

  it('reads a tarball without installing it, and prints JSON', async () => {
    const { status } = spawnSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: plugin })
    expect(status).toBe(0)
    const found = await netaccel(join(folder, 'my-nic-1.2.3.tgz'), ...RULE, '--json')
    expect(found.status).toBe(0)
    expect(JSON.parse(found.out) as KitReport).toMatchObject({ plugin: { version: '1.2.3' }, passed: true })
  })

  it('names a broken rule, with status 1', async () => {
    const broken = join(folder, 'broken')
    cpSync(plugin, broken, { recursive: true })
    cpSync(join(broken, 'dist/frontend.cjs'), join(broken, 'dist/backend.cjs'))
    const { status, out } = await netaccel(broken, ...RULE)
    expect(status).toBe(1)
    expect(out).toContain('VN-01  failed')
  })

  it('waives a rule for a reason that stands in the report', async () => {
    const { status, out } = await netaccel(plugin, ...RULE, '--skip', 'VN-01=known and accepted')
    expect(out).toContain('VN-01  waived: known and accepted')
    expect(status).toBe(0)
  })

  it('builds first when a source is newer, or an artefact is missing', async () => {
    const build = `node -e "require('node:fs').copyFileSync('kept.cjs', 'dist/frontend.cjs')"`
    describePackage({ scripts: { build } })
    cpSync(join(plugin, 'dist/frontend.cjs'), join(plugin, 'kept.cjs'))
    writeFileSync(join(plugin, 'src/frontend.ts'), '')
    utimesSync(join(plugin, 'src/frontend.ts'), new Date(0), new Date(0))
    expect((await netaccel(plugin, ...RULE)).err).toBe('')
    const built = [0, `building ${plugin}: npm run build\n`]
    rmSync(join(plugin, 'dist/frontend.cjs'))
    const missing = await netaccel(plugin, ...RULE)
    expect([missing.status, missing.err]).toEqual(built)
    // Far enough ahead that no clock of a file system is too coarse for it.
    const ahead = new Date(4_000_000_000_000)
    utimesSync(join(plugin, 'src/frontend.ts'), ahead, ahead)
    const newer = await netaccel(plugin, ...RULE)
    expect([newer.status, newer.err]).toEqual(built)
    rmSync(join(plugin, 'src/frontend.ts'))
  })

  it.each<[string, string[], string]>([
    ['a rule that is none', ['.', '--rule', 'TX-99'], 'there is no rule "TX-99": the nearest is TX-09'],
    ['a waiver without a reason', ['.', '--skip', 'TX-03'], '--skip takes a rule and its reason'],
    ['a folder that is none', [join(folder, 'nothing')], 'There is no package in the folder'],
    ['a tarball that is none', [join(folder, 'a.tgz')], 'BAD_PACKAGE'],
    ['a package that is no plugin', [fileURLToPath(new URL('../..', import.meta.url))], 'BAD_MANIFEST'],
  ])('%s: one sentence, status 2', async (_what, args, sentence) => {
    const { status, out, err } = await netaccel(...args)
    expect([status, out]).toEqual([2, ''])
    expect(err).toContain(sentence)
    expect(err.trim().split('\n')).toHaveLength(1)
  })

  it('says that a build failed, and how', async () => {
    describePackage({ scripts: { build: 'echo it is broken && false' } })
    rmSync(join(plugin, 'dist/frontend.cjs'))
    const { status, err } = await netaccel(plugin, ...RULE)
    expect(status).toBe(2)
    expect(err).toContain(`\`npm run build\` failed in ${plugin}: it is broken`)
    describePackage({})
    expect((await netaccel(plugin, ...RULE)).err).toContain('has no script "build": build the package')
  })
})
