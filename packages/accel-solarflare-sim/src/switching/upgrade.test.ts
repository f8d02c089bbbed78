import { build, left, startTraffic, twoHosts, type World } from '@netaccel/host'
import { describe, expect, it } from 'vitest'
import { buildOf, type Replaced } from '../testing/builds.js'

const define = (half: string, body: string) =>
  `module.exports = require('@netaccel/core').defineAccelerator({ ${half}(context) { ${body} } })`

/** A world under traffic on build 1.0.0, and `upgrade` to 2.0.0 made of these halves. */
async function underTraffic(next: Replaced = {}) {
  const world = await build(
    { ...twoHosts(), deadlines: { probe: 20 } },
    {
      readPackage: (version) => buildOf(version, version === '2.0.0' ? next : {}),
    },
  )
  const before = world.resources()
  const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0', { gapNs: 400_000 })
  await world.load('1.0.0')
  await world.run({ for: 2_000_000 })
  const upgrade = async () => {
    const report = await world.upgrade('2.0.0')
    const fast = fastSegments(world)
    await world.run({ for: 2_000_000 })
    expect(fastSegments(world)).toBeGreaterThan(fast)
    return report
  }
  const end = async () => {
    await world.unload('sfc_netfront')
    await traffic.stop()
    await world.drain()
    const { verdict, reasons } = world.judge()
    expect({ verdict, reasons }).toEqual({ verdict: 'nothing lost', reasons: [] })
    expect(left(before, world.resources())).toEqual({})
    await world.close()
  }
  return { world, upgrade, end }
}

function fastSegments(world: World): number {
  return world.vifs.reduce((sum, { meter }) => sum + meter.tx.fast.segments, 0)
}

const versions = (world: World) =>
  world
    .halves()
    .filter(({ state }) => state === 'loaded')
    .map(({ place, half, packageVersion, use }) => `${place} ${half} ${packageVersion} ${use}`)

describe('an upgrade under traffic', () => {
  it('exchanges both halves on every host and loses nothing', async () => {
    const { world, upgrade, end } = await underTraffic()
    const { rolledBack, cause, halves, vifs, tookNs } = await upgrade()
    expect([rolledBack, cause, vifs]).toEqual([false, undefined, ['a.guest1.vif0', 'b.guest1.vif0']])
    expect(tookNs).toBeGreaterThan(0)
    const steps = halves.map(
      ({ place, half, from, to, unloaded }) =>
        `${place} ${half} ${from?.packageVersion} to ${to?.packageVersion}, forced ${unloaded?.forced}`,
    )
    expect(steps).toEqual([
      'a.driver backend 1.0.0 to 2.0.0, forced false',
      'b.driver backend 1.0.0 to 2.0.0, forced false',
      'a.guest1 frontend 1.0.0 to 2.0.0, forced false',
      'b.guest1 frontend 1.0.0 to 2.0.0, forced false',
    ])
    expect(versions(world)).toEqual([
      'a.driver backend 2.0.0 active',
      'b.driver backend 2.0.0 active',
      'a.guest1 frontend 2.0.0 active',
      'b.guest1 frontend 2.0.0 active',
    ])
    await end()
  })

  it.each<[string, Replaced, RegExp]>([
    [
      'whose set-up throws',
      { frontend: define('frontend', `throw new Error('no licence')`) },
      /SETUP_FAILED.*no licence/,
    ],
    [
      'whose probe never settles',
      { backend: define('backend', `return { openPort: () => true, probe: () => new Promise(() => {}) }`) },
      /did not attach everywhere: a\.guest1\.vif0 is \w+: .*probe/,
    ],
    [
      'whose newDevice declines on every vif',
      { frontend: define('frontend', `return { newDevice: async () => 'declined' }`) },
      /did not attach everywhere: .*a\.guest1\.vif0 is declined/,
    ],
    [
      'that opens no port',
      { backend: define('backend', `return { openPort: () => false, probe: async () => 'declined' }`) },
      /a\.guest1\.vif0 is \w+: its port was not opened/,
    ],
    ['that does not compile', { backend: 'module.exports = {' }, /BAD_ARTEFACT.*does not compile/],
  ])('to a build %s goes back by itself to the one before, and loses nothing', async (_, next, why) => {
    const { world, upgrade, end } = await underTraffic(next)
    const before = world.halves().map(({ place, half, hash }) => `${place} ${half} ${hash}`)
    const { rolledBack, cause, vifs } = await upgrade()
    expect([rolledBack, vifs]).toEqual([true, ['a.guest1.vif0', 'b.guest1.vif0']])
    expect(cause).toMatchObject({ message: expect.stringMatching(why) })
    const loaded = world.halves().filter(({ state }) => state === 'loaded')
    expect(loaded.map(({ place, half, hash }) => `${place} ${half} ${hash}`)).toEqual(before)
    await end()
  })

  it('may be of one host alone', async () => {
    const { world, end } = await underTraffic()
    expect((await world.upgrade('2.0.0', { hosts: ['b'] })).vifs).toEqual(['b.guest1.vif0'])
    expect(versions(world)).toEqual([
      'a.driver backend 1.0.0 active',
      'b.driver backend 2.0.0 active',
      'a.guest1 frontend 1.0.0 active',
      'b.guest1 frontend 2.0.0 active',
    ])
    await end()
  })

  it('of what is not loaded, or to a package that does not fit, changes nothing', async () => {
    const world = await build(twoHosts(), { readPackage: (version) => buildOf(version) })
    await expect(world.upgrade('2.0.0')).rejects.toMatchObject({ code: 'NOT_LOADED' })
    await world.load('1.0.0')
    await expect(world.load('2.0.0')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(world.upgrade('2.0.0', { integrity: { frontend: '0'.repeat(64) } })).rejects.toMatchObject({
      code: 'BAD_INTEGRITY',
    })
    expect(versions(world)).toContain('a.guest1 frontend 1.0.0 active')
    await world.close()
  })
})
