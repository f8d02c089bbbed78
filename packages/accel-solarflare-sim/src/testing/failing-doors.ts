// Every call of a half's doors fails in turn: as the tests of doors/ run it, a half in each file, so that they run beside
// one another.
import { FailDoor } from '@netaccel/core'
import type { DoorFaults } from '@netaccel/core'
import { expect, it } from 'vitest'
import { FOLDER, TwoHosts, twoHosts } from './two-hosts.js'

type Side = 'frontend' | 'backend'

/** The doors that each half calls, whose every call fails once. */
const DOORS: Readonly<Record<Side, readonly string[]>> = {
  frontend: ['keys.read', 'keys.write', 'arena', 'grant', 'listen', 'pool', 'map', 'mapIo'],
  backend: ['keys.read', 'keys.write', 'map', 'connect', 'arena', 'createVi', 'grant', 'vi.register'],
}

/** Of the two hosts one is enough; the other's attachment would only cost time. */
const HOST = { hosts: ['a'] }
/** As reports name its guest's vif. */
const VIF = 'vif1.0'

export function testDoors(side: Side): void {
  it(`ER-01, LC-02, MEM-01: a door that fails at any call of the ${side} half leaves nothing behind, and the next attachment works`, async () => {
    let door: DoorFaults | null = null
    const pair = await TwoHosts.make(twoHosts(), {
      faultsOf: (asked, vif) => (asked === side && vif === VIF ? door : null),
    })
    const before = pair.world.resources()
    const failed: string[] = []
    // One world for all: each round has shown that it is as it was before the first.
    for (let k = 0; ; k += strideAfter(failed)) {
      const fails = new FailDoor(k)
      door = fails
      const phase = await loadAndLook(pair)
      await pair.world.unload('sfc_netfront', HOST)
      // What could not be given back is tried again every second.
      await pair.for(1500)
      expect(pair.world.resources(), `after ${fails.failed} failed at call ${k} (${phase})`).toEqual(before)
      if (fails.failed === undefined) break
      failed.push(fails.failed)
    }
    console.log(`${side}: ${failed.length} calls of doors failed in turn`)
    expect(new Set(failed)).toEqual(new Set(DOORS[side]))
    door = null
    await pair.load()
    expect(pair.phases()).toEqual(['active', 'active'])
    await pair.unload()
    await pair.world.close()
  })
}

/** Hundreds of pages are granted one after the other: of such a row the ends are tried, and every 24th between. */
function strideAfter(failed: readonly string[]): number {
  const last = failed.slice(-6)
  const isRow = last.length === 6 && new Set(last).size <= 2 && /grant|register/.test(last.join(' '))
  return isRow && process.env['NETACCEL_TIER'] !== 'soak' ? 24 : 1
}

/** Loads both halves and waits until the vif has made up its mind. */
async function loadAndLook(pair: TwoHosts): Promise<string> {
  await pair.world.load(FOLDER, HOST).catch(() => undefined)
  await pair.until(() => ['active', 'declined'].includes(pair.phases()[0]), 8000)
  return pair.phases()[0]
}
