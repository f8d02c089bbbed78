// What leaves while a half is only being offered to a vif, at every instant of the offer.
import { describe, expect, it } from 'vitest'
import type { BackendVif } from '@netaccel/core'
import { PairWorld } from './pair-world.js'

const INSTANTS = Array.from({ length: 60 }, (_, i) => i * 1_000)

/** Loads the backend half, lets `happen` at `ns` nanoseconds later, and waits until that has settled. */
async function during(world: PairWorld, ns: number, happen: () => Promise<unknown>): Promise<void> {
  world.loadBackend()
  let done = false
  world.dom0.engine.after(ns, () => {
    void happen().then(() => {
      done = true
    })
  })
  await world.until(() => done, 20)
  expect(done, `what began ${ns} ns after the load has settled`).toBe(true)
  await world.for(2)
}

function standing(world: PairWorld): unknown {
  return [0, 1].map((index) => {
    const control = world.accelerators.control(world.backVif(index))
    return [control?.phase, control?.run !== undefined]
  })
}

const NONE = ['none', false]
const OFFERED = ['offered', true]

describe('a vif that is being offered to a backend half', () => {
  it('can be removed at any instant, and nothing of it is left', async () => {
    const world = await PairWorld.make()
    await world.connected()
    const vif = world.backVif(0)
    const before = world.resources()
    for (const ns of INSTANTS) {
      const control = world.accelerators.control(vif)
      await during(world, ns, () => world.accelerators.removeVif(vif))
      expect([control?.phase, control?.run === undefined], `${ns} ns`).toEqual(['none', true])
      await world.run(world.registry.stop('lane', 'unloaded'))
      await world.run(world.accelerators.addVif(vif))
    }
    expect(world.resources()).toEqual(before)
  })

  it('uses nothing of a half that was unloaded at any instant', async () => {
    const world = await PairWorld.make()
    for (const ns of INSTANTS) {
      await during(world, ns, () => world.registry.stop('lane', 'unloaded'))
      expect(standing(world), `${ns} ns`).toEqual([NONE, NONE])
      expect(world.registry.state('lane')?.leases).toBe(0)
    }
  })

  it('is not probed on a port that is being reset, whatever the instant, and is again when it is done', async () => {
    const probed: string[] = []
    // The plugin has a second port of this name, without hardware, to which a vif may go meanwhile.
    const backendManners = { probed: (vif: BackendVif) => void probed.push(vif.port.kind) }
    const world = await PairWorld.make({ backendManners })
    for (const ns of INSTANTS) {
      await during(world, ns, async () => {
        probed.length = 0
        world.port.changed({ kind: 'reset' })
      })
      expect(probed, `${ns} ns`).not.toContain('test')
      probed.length = 0
      world.port.changed({ kind: 'reset-done' })
      await world.for(2)
      expect([probed, standing(world)], `${ns} ns`).toEqual([
        ['test', 'test'],
        [OFFERED, OFFERED],
      ])
      await world.run(world.registry.stop('lane', 'unloaded'))
    }
  })
})
