import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { startTraffic } from '../traffic/start-traffic.js'
import { twoHosts } from '../trial/two-hosts.js'
import { build } from './build.js'
import type { World } from './world.js'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

const QUEUE = `{
  accepts: () => true, startXmit: () => 'declined', flush() {}, hasRoom: () => true,
  poll: () => 'idle', startInterrupts: () => 'armed', stopInterrupts() {},
}`

/** A package whose backend half steers every vif at once, and whose frontend half is this. */
function plugin(set: { readonly setUp?: string; readonly queue?: string; readonly remove?: string }): string {
  const folder = mkdtempSync(join(tmpdir(), 'netaccel-held-'))
  folders.push(folder)
  const { setUp = '', queue = '{}', remove = '' } = set
  const core = `const { defineAccelerator } = require('@netaccel/core')\n`
  const frontend = `${core}exports.default = defineAccelerator({ frontend(context) {
    ${setUp}
    return { newDevice: async (doors) => ({
      txDepth: 64, rxDepth: 64,
      openQueue(queue) { return { ...${QUEUE}, ...(${queue}) } },
      async remove() { ${remove} },
    }) }
  } })`
  const backend = `${core}exports.default = defineAccelerator({ backend() {
    return { openPort: () => true, probe: async () => ({ remove() {} }) }
  } })`
  const netaccel = {
    name: 'holder',
    apiVersion: { frontend: [1, 1], backend: [1, 1] },
    frontend: './frontend.cjs',
    backend: './backend.cjs',
    capabilities: ['tx', 'tx-checksum'],
  }
  const json = { name: 'holder', version: '1.0.0', keywords: ['netaccel-plugin'], netaccel }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(json))
  writeFileSync(join(folder, 'frontend.cjs'), frontend)
  writeFileSync(join(folder, 'backend.cjs'), backend)
  return folder
}

/** Load on host a, some traffic, unload: who held what in the guest, and what a proof says afterwards. */
async function holders(folder: string): Promise<{ world: World; held: readonly string[]; forced: boolean }> {
  const world = await build(twoHosts())
  const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0', { burst: 4, gapNs: 1_000_000 })
  await world.load(folder, { hosts: ['a'] })
  await world.run({ for: 10_000_000 })
  const { halves, forced } = await world.unload('holder', { hosts: ['a'] })
  await traffic.stop()
  expect(world.halves().filter(({ state }) => state !== 'purged')).toEqual([])
  const held = halves.filter(({ half }) => half === 'frontend').flatMap((half) => half.holders)
  return { world, held, forced }
}

describe('a plugin that holds on to', () => {
  it('nothing is not accused', async () => {
    const { world, held, forced } = await holders(plugin({}))
    expect([held, forced]).toEqual([[], false])
    expect((await world.prove()).leaked).toEqual([])
    await world.close()
  })

  it('a lease, by a hook that never returns, is named with the hook', async () => {
    const { world, held } = await holders(plugin({ remove: 'await new Promise(() => {})' }))
    expect(held.join('\n')).toContain('remove took longer than 2000 ms')
    await world.close()
  })

  it('a task that never ends is named with the task', async () => {
    const { world, held } = await holders(
      plugin({ setUp: `context.task('watchdog', () => new Promise(() => {}))` }),
    )
    expect(held).toContain('task watchdog')
    await world.close()
  })

  it('a frame, after the generation is gone, is named by what keeps it', async () => {
    const store = 'netaccelTestFrames'
    Reflect.set(globalThis, store, [])
    const keep = `{ startXmit(frame) { globalThis.${store}.push([frame, context]); return 'declined' } }`
    const { world } = await holders(plugin({ queue: keep }))
    const { leaked } = await world.prove()
    expect(leaked.map(({ place, half }) => [place, half])).toEqual([['a.guest1', 'frontend']])
    expect(leaked[0].holders).toContain('alive: context')
    Reflect.deleteProperty(globalThis, store)
    expect((await world.prove()).leaked).toEqual([])
    await world.close()
  })
})
