import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { left } from '../check/resources.js'
import { twoHosts } from '../trial/two-hosts.js'
import { build } from './build.js'
import { readFolder } from './plugin-folder.js'

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** A plugin's package in a folder of its own. */
function plugin(version: readonly [number, number], halves: { frontend: string; backend: string }): string {
  const folder = mkdtempSync(join(tmpdir(), 'netaccel-plugin-'))
  folders.push(folder)
  const manifest = {
    name: 'trial',
    apiVersion: { frontend: version, backend: [1, 1] },
    frontend: './frontend.cjs',
    backend: './backend.cjs',
    capabilities: [],
  }
  const description = {
    name: 'trial-plugin',
    version: '1.0.0',
    keywords: ['netaccel-plugin'],
    netaccel: manifest,
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(description))
  for (const [half, body] of Object.entries(halves)) {
    const code = `const { defineAccelerator } = require('@netaccel/core')\nexports.default = defineAccelerator({ ${half}() { ${body} } })\n`
    writeFileSync(join(folder, `${half}.cjs`), code)
  }
  return folder
}

const backend = `return { openPort: () => true, probe: async () => ({ remove() {} }) }`

describe('loading a plugin', () => {
  it('refuses one whose version does not fit, before anything is loaded', async () => {
    const world = await build(twoHosts())
    const before = world.resources()
    const folder = plugin([2, 3], { frontend: 'return {}', backend })
    await expect(world.load(folder)).rejects.toThrow(
      /^ENEWER: trial \(frontend\) works at 2 to 3, this host provides 1 to 1/,
    )
    for (const host of world.hosts.values()) expect(host.plugins.loader.loaded).toEqual([])
    expect(left(before, world.resources())).toEqual({})
    await world.close()
  })

  it('takes both halves out again when one of them fails, and says what it said', async () => {
    const world = await build(twoHosts())
    const before = world.resources()
    const folder = plugin([1, 1], { frontend: `throw new Error('no licence')`, backend })
    await expect(world.load(folder)).rejects.toThrow(
      /trial could not be loaded in guest1: SETUP_FAILED: .*no licence/,
    )
    await world.run({ for: 2_000_000_000 })
    for (const host of world.hosts.values()) {
      expect(host.plugins.loader.loaded).toEqual([])
      for (const guest of host.guests.values()) expect(guest.plugins.loader.loaded).toEqual([])
    }
    expect(left(before, world.resources())).toEqual({})
    await world.close()
  })

  it('takes it out again when a vif declines', async () => {
    const world = await build(twoHosts())
    const folder = plugin([1, 1], { frontend: `return { newDevice: async () => 'declined' }`, backend })
    await expect(world.load(folder)).rejects.toThrow(
      /trial did not attach everywhere: .*guest1\.vif0 is declined/,
    )
    for (const host of world.hosts.values()) expect(host.plugins.loader.loaded).toEqual([])
    await world.close()
  })

  it('goes by the versions, the reader and the wrapper that the world was built with', async () => {
    const asked: string[] = []
    const folder = plugin([2, 2], { frontend: `return { newDevice: async () => 'declined' }`, backend })
    const world = await build(twoHosts(), {
      versions: [1, 2],
      readPackage: (name) => (asked.push(`read ${name}`), readFolder(folder)),
      wrap: (halves, { half, version }, where) => (asked.push(`${where} ${half} ${version}`), halves),
    })
    await expect(world.load('by another name', { hosts: ['a'] })).rejects.toMatchObject({
      code: 'ATTACH_FAILED',
    })
    expect(asked).toEqual(['read by another name', 'a.driver backend 1', 'a.guest1 frontend 2'])
    await world.close()
  })

  it('attaches anew when the wish for it is withdrawn and back before the vif has left', async () => {
    const queue = `{ txDepth: 0, rxDepth: 0, accepts: () => false, startXmit: () => 'declined', flush() {}, hasRoom: () => true,
      poll: () => 'idle', startInterrupts: () => 'armed', stopInterrupts() {} }`
    const vif = `{ openQueue: () => (${queue}), remove() {} }`
    const folder = plugin([1, 1], { frontend: `return { newDevice: async () => (${vif}) }`, backend })
    const world = await build(twoHosts())
    await world.load(folder, { hosts: ['a'] })
    const { phase } = world.vifs[0]
    const guest = world.guest('a.guest1')
    const wishes = guest.setAccel('vif0', undefined).then(async () => {
      // The backend's end has begun to leave.
      await new Promise<void>((resolve) => guest.engine.after(50_000, resolve))
      await guest.setAccel('vif0', 'eth0')
    })
    await world.drive(wishes)
    await world.run({ for: 100_000_000 })
    expect([phase, world.vifs[0].phase]).toEqual(['active', 'active'])
    await world.close()
  })
})
