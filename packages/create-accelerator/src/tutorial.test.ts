// docs/writing-a-plugin.md, step by step: the blocks are taken from the text, the plugin is built up from them, and each
// step is held to its sentence "Shown".
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, startTraffic, switchingTrial } from '@netaccel/host'
import type { World, WorldValue } from '@netaccel/host'
import { build as bundle } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'

const TEXT = readFileSync(
  fileURLToPath(new URL('../../../docs/writing-a-plugin.md', import.meta.url)),
  'utf8',
)
const MS = 1_000_000
const TRIALS = process.env['NETACCEL_TIER'] === 'soak' ? 200 : 10

interface Block {
  readonly kind: string
  readonly file: string
  readonly text: string
}

/** The blocks of each step that name a file. */
function stepsOf(text: string): Block[][] {
  const sections = text.split(/^## (?=\d\. )/m).slice(1)
  return sections.map((section) =>
    [...section.matchAll(/^```(\w+) (\S+)\n([\s\S]*?)^```$/gm)].map(([, kind, file, body]) => ({
      kind,
      file,
      text: body,
    })),
  )
}

/** The file after a patch: each hunk is found once, by all its lines that are not added. */
function patched(before: string, patch: string, file: string): string {
  let text = before
  for (const hunk of patch.replace(/\n$/, '').split('\n@@\n')) {
    const lines = hunk.split('\n').map((line) => (line === '' ? ' ' : line))
    const side = (not: string): string =>
      lines
        .filter((line) => line[0] !== not)
        .map((line) => `${line.slice(1)}\n`)
        .join('')
    const parts = `\n${text}`.split(`\n${side('+')}`)
    if (parts.length !== 2) throw new Error(`${file}: ${parts.length - 1} places fit this hunk:\n${hunk}`)
    text = parts.join(`\n${side('-')}`).slice(1)
  }
  return text
}

let within = ''
const folderOf = (step: number): string => join(within, `step${step}`)

beforeAll(async () => {
  // Not in dist, which a build beside this test sweeps.
  const cache = fileURLToPath(new URL('../.cache', import.meta.url))
  mkdirSync(cache, { recursive: true })
  within = mkdtempSync(join(cache, 'tutorial-'))
  const files = new Map<string, string>()
  for (const [i, blocks] of stepsOf(TEXT).entries()) {
    for (const { kind, file, text } of blocks)
      files.set(file, kind === 'diff' ? patched(files.get(file) ?? '', text, file) : text)
    for (const [file, text] of files) {
      const path = join(folderOf(i + 1), file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
    await bundle({
      absWorkingDir: folderOf(i + 1),
      entryPoints: ['src/frontend.ts', 'src/backend.ts'],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outdir: 'dist',
      outExtension: { '.js': '.cjs' },
      external: ['@netaccel/core'],
    })
  }
})
afterAll(() => rmSync(within, { recursive: true, force: true }))

/** Two guests of one host that ask for the pipe by its name. */
function world(): WorldValue {
  const guest = (mac: string) => ({ vifs: { vif0: { mac, accel: 'pipe' } } })
  const guests = { guest1: guest('00:16:3e:00:00:01'), guest2: guest('00:16:3e:00:00:02') }
  return { hosts: { a: { guests, links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'] } } }
}

/** The plugin of a step, loaded under traffic, which ends before the plugin is unloaded. */
async function loaded(
  step: number,
  look: (built: World) => void,
): Promise<{ verdict: string; reasons: readonly string[] }> {
  const built = await build(world())
  const before = built.resources()
  const mix = { tcp: 0, tcp6: 0, udp: 0.6, short: 0.4, icmp: 0, arp: 0 }
  const traffic = startTraffic(built, 'a.guest1.vif0', 'a.guest2.vif0', {
    flows: 8,
    mix,
    burst: 16,
    gapNs: 50_000,
  })
  await built.run({ for: MS })
  await built.load(folderOf(step))
  expect(built.vifs.map(({ phase }) => phase)).toEqual(['active', 'active'])
  await built.run({ for: 5 * MS })
  look(built)
  await traffic.stop()
  await built.run({ for: 5 * MS })
  await built.unload('pipe')
  await built.drain()
  expect(built.resources()).toEqual(before)
  const { verdict, reasons } = built.judge()
  await built.close()
  return { verdict, reasons }
}

/** Frames by the fast path, sent and delivered, of both guests. */
function fast(built: World): [sent: number, delivered: number] {
  const { vifs } = built.status()
  return [
    vifs.reduce((sum, { tx }) => sum + tx.fast.frames, 0),
    vifs.reduce((sum, { rx }) => sum + rx.fast.frames, 0),
  ]
}

it('has five steps, each of which type-checks', () => {
  expect(stepsOf(TEXT).map((blocks) => blocks.length > 0)).toEqual([true, true, true, true, true])
  const template = fileURLToPath(new URL('../templates/common/tsconfig.json', import.meta.url))
  cpSync(template, join(within, 'strict.json'))
  writeFileSync(
    join(within, 'tsconfig.json'),
    JSON.stringify({ extends: './strict.json', include: ['*/src'] }),
  )
  const require = createRequire(import.meta.url)
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc')
  expect(spawnSync(process.execPath, [tsc], { cwd: within, encoding: 'utf8' }).stdout).toBe('')
})

it('1 declines everything', async () => {
  const { verdict } = await loaded(1, (built) => expect(fast(built)).toEqual([0, 0]))
  expect(verdict).toBe('nothing lost')
})

it('2 lets the halves share memory, and everything is given back', async () => {
  const { verdict } = await loaded(2, (built) => {
    expect(fast(built)).toEqual([0, 0])
    expect(built.status().vifs.map(({ counters }) => counters.backend['met'])).toEqual([1, 1])
  })
  expect(verdict).toBe('nothing lost')
})

it('3 accepts frames and completes them, and the judge misses them', async () => {
  const { verdict, reasons } = await loaded(3, (built) => {
    const [sent, delivered] = fast(built)
    expect([sent > 200, delivered]).toEqual([true, 0])
  })
  expect([verdict, reasons.some((reason) => /segments/.test(reason))]).toEqual(['lost', true])
})

it('4 delivers them, and loses nothing as long as it stays', async () => {
  const { verdict, reasons } = await loaded(4, (built) => {
    const [sent, delivered] = fast(built)
    expect([sent > 200, delivered > 200]).toEqual([true, true])
  })
  expect([verdict, reasons]).toEqual(['nothing lost', []])
})

/** One of the two guests leaves while the other sends to it without a pause. */
async function leaving(step: number): Promise<string> {
  const built = await build(world())
  const mix = { tcp: 0, tcp6: 0, udp: 1, short: 0, icmp: 0, arp: 0 }
  const traffic = startTraffic(built, 'a.guest1.vif0', 'a.guest2.vif0', {
    flows: 4,
    mix,
    burst: 16,
    gapNs: 20_000,
  })
  await built.load(folderOf(step))
  await built.run({ for: 2 * MS })
  await built.setAccel('a.guest2.vif0', undefined)
  await built.run({ for: 10 * MS })
  await traffic.stop()
  await built.drain()
  const { verdict } = built.judge()
  await built.close()
  return verdict
}

it('5 leaves under load without a loss, which 4 does not', async () => {
  expect([await leaving(4), await leaving(5)]).toEqual(['lost', 'nothing lost'])
})

it('5 comes and goes at any moment without a loss or an overtake', async () => {
  const report = await switchingTrial({ world: world(), plugin: folderOf(5), cycles: TRIALS, seed: 1 })
  const { verdict, left, segments } = report
  expect([verdict.verdict, verdict.reasons, left]).toEqual(['nothing lost', [], {}])
  expect(segments.fast).toBeGreaterThan(100)
})
