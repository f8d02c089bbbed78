// What is made, made for real: in a folder of this package, from where the workspace's packages are found.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readPlugin } from '@netaccel/core'
import { build, startTraffic, switchingTrial, twoHosts } from '@netaccel/host'
import type { WorldValue } from '@netaccel/host'
import { runKit } from '@netaccel/testkit'
import { build as bundle } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kindNames } from './answers.js'
import type { Kind } from './answers.js'
import { createAccelerator } from './create.js'

const require = createRequire(import.meta.url)
const MS = 1_000_000
const SOAK = process.env['NETACCEL_TIER'] === 'soak'
const folders = new Map<Kind, string>()
let within = ''

/** The folder of the plugin of this kind. */
function folderOf(kind: Kind): string {
  return folders.get(kind) ?? ''
}

/** A tool of the workspace, as the new package's scripts call it. */
function tool(name: string, path: string, args: readonly string[], cwd: string): string {
  const script = join(dirname(require.resolve(`${name}/package.json`)), path)
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd,
    encoding: 'utf8',
  })
  return status === 0 ? '' : `${stdout}${stderr}`
}

beforeAll(async () => {
  // Not in dist, which a build beside this test sweeps.
  const cache = fileURLToPath(new URL('../.cache', import.meta.url))
  mkdirSync(cache, { recursive: true })
  within = mkdtempSync(join(cache, 'generated-'))
  for (const kind of kindNames) {
    const answers = { name: `my-${kind}`, description: 'Made by a test.', license: 'MIT' } as const
    const { folder } = createAccelerator({ ...answers, kind, local: undefined, install: false }, within)
    folders.set(kind, folder)
  }
  // One of them with its own tool and configuration, the others with what that tool calls, which takes a tenth of it.
  expect(tool('tsup', 'dist/cli-default.js', ['--silent'], folderOf('nic'))).toBe('')
  for (const kind of ['bypass', 'minimal'] as const)
    await bundle({
      absWorkingDir: folderOf(kind),
      entryPoints: ['src/frontend.ts', 'src/backend.ts'],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outdir: 'dist',
      outExtension: { '.js': '.cjs' },
      external: ['@netaccel/core'],
    })
})
afterAll(() => rmSync(within, { recursive: true, force: true }))

/** Two guests that can reach each other by a plugin of this kind. */
function world(kind: Kind): WorldValue {
  if (kind === 'nic') {
    const value = twoHosts()
    const hosts = Object.entries(value.hosts).map(([name, host]) => {
      const mac = host.nics?.['eth0'].mac ?? ''
      return [name, { ...host, nics: { eth0: { kind: folderOf('nic'), mac } } }]
    })
    return { ...value, hosts: Object.fromEntries(hosts) as WorldValue['hosts'] }
  }
  const guest = (mac: string) => ({ vifs: { vif0: { mac, accel: `my-${kind}` } } })
  const guests = { guest1: guest('00:16:3e:00:00:01'), guest2: guest('00:16:3e:00:00:02') }
  return { hosts: { a: { guests, links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'] } } }
}

it('type-checks as it is made, under the rules that it comes with', () => {
  const include = kindNames.flatMap((kind) => [`my-${kind}/src`, `my-${kind}/*.config.ts`])
  writeFileSync(join(within, 'tsconfig.json'), JSON.stringify({ extends: './my-nic/tsconfig.json', include }))
  expect(tool('typescript', 'bin/tsc', ['-p', 'tsconfig.json'], within)).toBe('')
})

describe.each(kindNames)('a plugin of kind %s', (kind) => {
  it('has a manifest that tells the truth', () => {
    const { manifest } = readPlugin(folderOf(kind))
    expect(manifest.name).toBe(`my-${kind}`)
    expect(manifest.hardware !== undefined).toBe(kind === 'nic')
    expect(manifest.capabilities.includes('tx')).toBe(kind !== 'minimal')
  })

  it('is loaded into a host, carries what it says it does, and leaves nothing behind', async () => {
    const built = await build(world(kind))
    const before = built.resources()
    const [one, two] = built.vifs
    const mix = { tcp: 0, tcp6: 0, udp: 0.6, short: 0.4, icmp: 0, arp: 0 }
    const traffic = startTraffic(built, one.path, two.path, { flows: 8, mix, burst: 16, gapNs: 50_000 })
    await built.run({ for: MS })
    await built.load(folderOf(kind))
    expect(built.vifs.map(({ phase }) => phase)).toEqual(['active', 'active'])
    await built.run({ for: 5 * MS })
    for (const { tx, rx } of built.status().vifs)
      expect([tx.fast.frames > 100, rx.fast.frames > 100]).toEqual([kind !== 'minimal', kind !== 'minimal'])
    await built.unload(`my-${kind}`)
    await traffic.stop()
    await built.drain()
    expect([built.judge().verdict, built.judge().reasons]).toEqual(['nothing lost', []])
    expect(built.resources()).toEqual(before)
    await built.close()
  })

  it('passes the conformance kit', async () => {
    const { rules } = await runKit({ plugin: folderOf(kind) })
    const failed = rules.filter(({ outcome }) => outcome === 'failed')
    expect(failed.map(({ rule, reason, evidence }) => [rule, reason, evidence])).toEqual([])
    // Ten seconds alone; many times that on a machine that others use too.
  }, 600_000)
})

it.each([
  ['nic', 1],
  ['bypass', 1],
] as const)(
  'a plugin of kind %s comes and goes under load without a loss or an overtake',
  async (kind, seed) => {
    const cycles = SOAK ? 300 : 8
    const report = await switchingTrial({ world: world(kind), plugin: folderOf(kind), cycles, seed })
    expect([report.verdict.verdict, report.verdict.reasons]).toEqual(['nothing lost', []])
    expect(report.segments.fast).toBeGreaterThan(50)
    expect(report.left).toEqual({})
  },
)
