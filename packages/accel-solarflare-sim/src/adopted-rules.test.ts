// What was adopted beyond the original, from netvsc, net_failover and plain prudence: make before break, at each switch. The
// order of flows, which belongs to it, is in order-fence.test.ts.
import type { PackageFiles } from '@netaccel/core'
import { readPlugin } from '@netaccel/core'
import { describe, expect, it } from 'vitest'
import { FOLDER, TCP_ONLY, TwoHosts, twoHosts } from './testing/two-hosts.js'

/** What can be seen of the first guest's vif at one moment. */
interface Look {
  readonly phase: string
  readonly backend: string
  readonly txFast: number
  readonly rxFast: number
  readonly rxSlow: number
  readonly lent: number
  readonly filters: number
  readonly vis: number
}

function look(pair: TwoHosts): Look {
  const host = pair.world.host('a')
  const vif = pair.world.vif('a.guest1.vif0')
  const back = host.netback.vif(vif.vif.domain.id, vif.vif.handle)
  const nic = host.nics.get('eth0')
  return {
    phase: vif.phase,
    backend: (back && host.plugins.accelerators.control(back)?.phase) ?? 'none',
    txFast: vif.meter.tx.fast.frames,
    rxFast: vif.meter.rx.fast.frames,
    rxSlow: vif.meter.rx.slow.frames,
    lent: vif.attachment?.paths.lent ?? 0,
    filters: nic?.device.filters.used ?? 0,
    vis: nic?.driver.vis.handles.length ?? 0,
  }
}

/** Looks every 10 µs while `work` goes on. */
async function watched(pair: TwoHosts, work: Promise<unknown>): Promise<Look[]> {
  const seen: Look[] = [look(pair)]
  let done = false
  const end = work.then(() => (done = true))
  for (let i = 0; !done && i < 5000; i++) {
    await pair.for(0.01)
    seen.push(look(pair))
  }
  await end
  return seen
}

/** Traffic both ways that fills the rings. */
async function busy(load: boolean): Promise<TwoHosts> {
  const pair = await TwoHosts.make(twoHosts(2))
  await pair.loadOn('b')
  if (load) await pair.loadOn('a')
  pair.start(8, TCP_ONLY, 20_000)
  await pair.for(5)
  return pair
}

const guestHalf = (pair: TwoHosts) => {
  const loader = pair.world.host('a').guests.get('guest1')?.plugins.loader
  if (loader === undefined) throw new Error('no guest')
  return loader
}

describe('rules adopted beyond the original', () => {
  it('1: frames from the NIC are taken by both paths until the VI is dry', async () => {
    const pair = await busy(true)
    const seen = await watched(pair, guestHalf(pair).unload('sfc_netfront', 'frontend'))
    const draining = seen.filter(({ phase }) => phase === 'draining')
    const [first, last] = [draining[0], draining.at(-1)]
    expect(last?.rxFast).toBeGreaterThan(first?.rxFast ?? 0)
    expect(seen.at(-1)?.rxSlow).toBeGreaterThan(first?.rxSlow ?? 0)
    expect(await pair.settle()).toEqual([])
    await pair.world.close()
  })

  it('2: frames go fast only after the other end has said that it steers', async () => {
    const pair = await busy(false)
    await pair.world.drive(pair.world.host('a').plugins.loader.load(readPlugin(FOLDER), 'backend'))
    const seen = await watched(pair, guestHalf(pair).load(readPlugin(FOLDER), 'frontend'))
    for (let i = 0; i < 3000 && look(pair).txFast === 0; i++) {
      await pair.for(0.01)
      seen.push(look(pair))
    }
    expect(seen.filter(({ txFast }) => txFast > 0).length).toBeGreaterThan(0)
    for (const { phase, backend, txFast } of seen)
      if (txFast > 0) expect([phase, backend]).toEqual(['active', 'steering'])
    expect(seen.map(({ phase }) => phase)).toContain('receiving')
    expect(await pair.settle()).toEqual([])
    await pair.world.close()
  })

  it('3: plug-out shuts the gate, then takes the filters, then waits for what is lent, then gives the VI back', async () => {
    const pair = await busy(true)
    const seen = await watched(pair, guestHalf(pair).unload('sfc_netfront', 'frontend'))
    await pair.for(5)
    seen.push(look(pair))
    const at = (what: (one: Look) => boolean) => seen.findIndex(what)
    const gate = at(({ phase }) => phase === 'draining')
    const noFilters = at(({ filters }) => filters === 0)
    const noVi = at(({ vis }) => vis === 0)
    expect(gate).toBeGreaterThan(0)
    expect(noFilters).toBeGreaterThanOrEqual(gate)
    expect(noVi).toBeGreaterThan(noFilters)
    expect([seen[gate - 1].lent > 0, seen[noVi - 1].lent]).toEqual([true, 0])
    // The gate shuts between two bursts, so within one look; from then on nothing goes fast.
    expect(new Set(seen.slice(gate).map(({ txFast }) => txFast)).size).toBe(1)
    expect(await pair.settle()).toEqual([])
    await pair.world.close()
  })

  it('5: what is lost has a reason: a link that fails under traffic', async () => {
    const pair = await TwoHosts.make(twoHosts(2))
    await pair.load()
    pair.start(8, TCP_ONLY, 20_000)
    await pair.for(5)
    pair.world.host('a').nics.get('eth0')?.device.carrier(false)
    await pair.for(1)
    pair.world.host('a').nics.get('eth0')?.device.carrier(true)
    await pair.for(5)
    await pair.settle()
    const { dropped, oracle } = pair.world.judge()
    const counted = Object.values(dropped).reduce((sum, of) => sum + of, 0)
    expect(oracle?.missing).toBeGreaterThan(0)
    expect([counted, oracle?.doubled]).toEqual([oracle?.missing, 0])
    await pair.unload()
    await pair.world.close()
  })

  it('6: a guest waits 4 s for another half that says nothing, and is as before', async () => {
    const pair = await TwoHosts.make(twoHosts())
    const { plugins } = pair.world.host('a')
    const before = pair.world.resources()
    await pair.world.drive(plugins.loader.load(readPlugin(silentBackend()), 'backend'))
    await pair.world.drive(guestHalf(pair).load(readPlugin(FOLDER), 'frontend'))
    expect(await pair.until(() => pair.phases()[0] === 'attaching', 100)).toBe(true)
    const from = pair.world.timeline.now()
    expect(await pair.until(() => pair.phases()[0] === 'declined', 6000)).toBe(true)
    expect((pair.world.timeline.now() - from) / 1_000_000).toBeLessThan(4100)
    await pair.unload()
    await pair.for(1500)
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })
})

/** A backend half that offers itself and never says a word. */
function silentBackend(): PackageFiles {
  const files: Readonly<Record<string, string>> = {
    './package.json': JSON.stringify({
      name: 'silent-backend',
      version: '1.0.0',
      keywords: ['netaccel-plugin'],
      netaccel: {
        name: 'sfc_netfront',
        apiVersion: { backend: [1, 1] },
        backend: './backend.cjs',
        capabilities: [],
      },
    }),
    './backend.cjs': `'use strict'
const { defineAccelerator } = require('@netaccel/core')
module.exports = defineAccelerator({
  backend: () => ({ openPort: () => true, probe: async () => ({ remove() {} }) }),
})`,
  }
  return {
    from: 'memory',
    read(path) {
      const text = files[path]
      return text === undefined ? undefined : new TextEncoder().encode(text)
    },
  }
}
