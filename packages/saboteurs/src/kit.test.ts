// The kit as those use it who check a plugin: what it gives for one that is broken, and what it leaves behind.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RULES } from '@netaccel/core'
import { around, conformance, runKit } from '@netaccel/testkit'
import type { ConformanceOptions, PluginSource } from '@netaccel/testkit'
import { expect, it } from 'vitest'
import { folderOf, SABOTEURS, soundSource, sourceOf } from './index.js'

const dummy: PluginSource = { folder: folderOf('accel-dummy') }

it('a manifest that does not fit the schema breaks VN-01, and nothing else is looked at', async () => {
  const plugin = { ...dummy, manifest: { capabilities: ['flying' as never] } }
  const { passed, counts, firstCauses, rules } = await runKit({ plugin })
  expect(passed).toBe(false)
  expect(counts).toEqual({ passed: 0, 'not applicable': RULES.length - 1, waived: 0, failed: 1 })
  expect(firstCauses).toEqual([{ rule: 'VN-01', consequences: [] }])
  expect(rules[0].evidence[0].sentence).toContain('netaccel.capabilities.0 is not a known word')
})

it('a broken manifest is told of whatever rules were asked for', async () => {
  const plugin = { ...dummy, manifest: { capabilities: ['tx-gso' as const] } }
  const { rules } = await runKit({ plugin, rules: ['TX-01'], implied: false })
  expect(rules.map(({ rule, outcome }) => [rule, outcome])).toEqual([
    ['VN-01', 'failed'],
    ['TX-01', 'not applicable'],
  ])
})

it('a package.json that is no JSON is a broken manifest; a folder without one is no package', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netaccel-kit-'))
  try {
    await expect(runKit({ plugin: folder })).rejects.toThrow(/^BAD_MANIFEST: .* there is no package.json/)
    writeFileSync(join(folder, 'package.json'), '{ "name": ')
    const { firstCauses, plugin } = await runKit({ plugin: folder })
    expect(firstCauses.map(({ rule }) => rule)).toEqual(['VN-01'])
    expect(plugin.packageName).toMatch(/^netaccel-kit-/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it.each([true, false])(
  'artefacts that are none break VN-01 alone, whatever else was to be looked at (isolate: %s)',
  async (isolate) => {
    const [saboteur] = SABOTEURS.filter(({ rule }) => rule === 'VN-01')
    const { firstCauses, rules } = await runKit({ plugin: sourceOf(saboteur), isolate })
    expect(firstCauses).toEqual([{ rule: 'VN-01', consequences: [] }])
    expect(rules.filter(({ outcome }) => outcome === 'failed').map(({ rule }) => rule)).toEqual(['VN-01'])
  },
)

it('what a plugin leaves listening to the process does not stay', async () => {
  const before = process.listeners('warning')
  const vary = around(() => ({
    context: (doors) => {
      process.on('warning', () => doors.log('warn', 'the process warns'))
      return doors
    },
  }))
  const { firstCauses } = await runKit({
    plugin: { ...soundSource('accel-dummy'), vary },
    rules: ['VN-04'],
    implied: false,
    isolate: false,
  })
  expect(firstCauses.map(({ rule }) => rule)).toEqual(['VN-04'])
  expect(process.listeners('warning')).toEqual(before)
})

/** What a runner of tests is given. */
function collected(options: ConformanceOptions): Map<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>()
  conformance(
    {
      describe: (_, body) => body(),
      test: (title, body) => void tests.set(title, body),
      expect,
    },
    options,
  )
  return tests
}

it('conformance() has a test for each rule, which says what was seen, and the kit runs once for all of them', async () => {
  const tests = collected({ plugin: { ...dummy, manifest: { capabilities: ['flying' as never] } } })
  const titles = [...tests.keys()].map((title) => title.slice(0, title.indexOf(':')))
  expect(titles).toEqual(RULES.map(({ id }) => id))
  const failed: string[] = []
  for (const [title, body] of tests)
    await body().catch((error: Error) => failed.push(`${title.slice(0, 5)} ${error.message}`))
  expect(failed).toHaveLength(1)
  expect(failed[0]).toMatch(/^VN-01 .*to deeply equal/)
})
