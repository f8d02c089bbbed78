// Scenarios 1, 2, 3, 7 and 16: who asks first, who is refused, and what the keys change.
import { fileURLToPath } from 'node:url'
import { readPlugin } from '@netaccel/core'
import type { DoorFaults } from '@netaccel/core'
import type { WorldValue } from '@netaccel/host'
import { describe, expect, it } from 'vitest'
import { conserved } from '../testing/conserved.js'
import { FOLDER, TwoHosts, twoHosts } from '../testing/two-hosts.js'

const DUMMY = fileURLToPath(new URL('../../../accel-dummy', import.meta.url))
const VIF = 'a.guest1.vif0'
const ANOTHER = '00:16:3e:00:00:66'

const NO_PAGES: DoorFaults = { fails: (door) => door === 'arena' }
const NO_KEYS: DoorFaults = { fails: (door) => door === 'keys.write' }

/** Nobody asks for an accelerator yet. */
function unasked(): WorldValue {
  const value = twoHosts()
  const hosts = Object.entries(value.hosts).map(([name, host]) => {
    const { mac = '' } = host.guests?.guest1?.vifs.vif0 ?? {}
    return [name, { ...host, guests: { guest1: { vifs: { vif0: { mac } } } } }]
  })
  return { ...value, hosts: Object.fromEntries(hosts) }
}

/** The phases that vifs of host a's guests go through from here, by accelerator: `sfc_netfront vif1.0 active`. */
function watchPhases(pair: TwoHosts, guest = 'a.guest1'): string[] {
  const seen: string[] = []
  const note = ({ name, vif, to }: { name: string; vif: string; to: string }) =>
    void seen.push(`${name} ${vif} ${to}`)
  pair.world.guest(guest).plugins.events.on('phase', note)
  return seen
}

/** How often the backend halves of host a offer a vif from here. */
function watchProbes(pair: TwoHosts): string[] {
  const seen: string[] = []
  pair.world.host('a').plugins.events.on('phase', ({ from, to, vif }) => {
    if (from === 'none' && to === 'offered') seen.push(vif)
  })
  return seen
}

describe('who comes first', () => {
  it('scenario 1: the plugin is loaded first, the vif asks later: probed when it asks', async () => {
    const pair = await TwoHosts.make(unasked())
    const before = pair.world.resources()
    pair.start()
    await pair.load()
    const { registry } = pair.world.guest('a.guest1').plugins
    expect(registry.state('sfc_netfront')).toMatchObject({ state: 'loaded', use: 'none', members: [] })
    expect(pair.phases()).toEqual(['none', 'none'])
    await pair.for(3)
    for (const path of [VIF, 'b.guest1.vif0']) await pair.world.setAccel(path, 'eth0')
    expect(await pair.until(() => pair.phases().every((phase) => phase === 'active'), 100)).toBe(true)
    await pair.for(5)
    const from = pair.counts()
    await pair.for(10)
    expect(pair.fastShare(from)).toBeGreaterThan(0.9)
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })

  it('scenario 2: two vifs ask first, the half is loaded for them by itself: probed at load, newest first', async () => {
    const pair = await TwoHosts.make()
    pair.start()
    await pair.load()
    // No request to load is made for this guest: its vifs' keys name what its catalogue holds.
    const vifs = { vif0: { mac: ANOTHER, accel: 'eth0' }, vif1: { mac: '00:16:3e:00:00:67', accel: 'eth0' } }
    const guest = await pair.world.drive(pair.world.host('a').addGuest('guest2', { vifs }))
    const paths = ['a.guest2.vif0', 'a.guest2.vif1']
    const active = () =>
      paths.every((path) => guest.vifs.size === 2 && pair.world.vif(path).phase === 'active')
    expect(await pair.until(active, 200)).toBe(true)
    // Both asked before: now the list is attached in its order.
    await pair.world.drive(guest.plugins.loader.unload('sfc_netfront', 'frontend'))
    const phases = watchPhases(pair, 'a.guest2')
    await pair.world.drive(guest.plugins.loader.load(readPlugin(FOLDER), 'frontend'))
    expect(await pair.until(active, 200)).toBe(true)
    expect(phases.filter((phase) => phase.endsWith('attaching'))).toEqual([
      'sfc_netfront vif2.1 attaching',
      'sfc_netfront vif2.0 attaching',
    ])
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    await pair.world.close()
  })
})

describe('a vif that is refused', () => {
  it('scenario 3: new_device fails: slow alone, a rewritten key changes nothing, a reload tries again', async () => {
    let door: DoorFaults | null = NO_PAGES
    const faultsOf = (side: string, vif: string) => (side === 'frontend' && vif === 'vif1.0' ? door : null)
    const pair = await TwoHosts.make(twoHosts(), { faultsOf })
    const before = pair.world.resources()
    pair.start()
    const plugin = readPlugin(FOLDER)
    for (const { plugins } of pair.world.hosts.values())
      await pair.world.drive(plugins.loader.load(plugin, 'backend'))
    const { loader } = pair.world.guest('a.guest1').plugins
    await pair.world.drive(loader.load(plugin, 'frontend'))
    expect(await pair.until(() => pair.phases()[0] === 'declined', 100)).toBe(true)
    door = null
    const phases = watchPhases(pair)
    const probes = watchProbes(pair)
    for (let i = 0; i < 3; i++) await pair.world.setAccel(VIF, 'eth0')
    await pair.for(50)
    expect([phases, probes, pair.phases()[0]]).toEqual([[], [], 'declined'])
    expect(pair.world.vif(VIF).meter.tx.fast.frames).toBe(0)
    expect(pair.world.vif(VIF).meter.tx.slow.frames).toBeGreaterThan(100)
    await pair.world.drive(loader.unload('sfc_netfront', 'frontend'))
    await pair.world.drive(loader.load(plugin, 'frontend'))
    expect(await pair.until(() => pair.phases()[0] === 'active', 100)).toBe(true)
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })

  it('scenario 3: a load that does not attach everywhere names each vif and why', async () => {
    const faultsOf = (side: string, vif: string) =>
      side === 'frontend' && vif === 'vif1.0' ? NO_PAGES : null
    const pair = await TwoHosts.make(twoHosts(), { faultsOf })
    const refused = await pair.load().catch((cause: unknown) => cause)
    expect(refused).toMatchObject({ code: 'ATTACH_FAILED' })
    expect(String(refused)).toMatch(/a\.guest1\.vif0 is declined: newDevice failed: /)
    expect(String(refused)).toMatch(/b\.guest1\.vif0 is declined: newDevice failed: /)
    await pair.world.close()
  })
})

describe('the key accel', () => {
  it('scenario 7: removed, the vif is slow; written again, fast; rewritten with the same value, nothing', async () => {
    const pair = await TwoHosts.make()
    const before = pair.world.resources()
    pair.start()
    await pair.load()
    await pair.for(5)
    await pair.world.setAccel(VIF, undefined)
    expect(await pair.until(() => pair.phases()[0] === 'none', 100)).toBe(true)
    const { fast } = pair.world.vif(VIF).meter.tx
    const sent = fast.frames
    await pair.for(5)
    expect(fast.frames).toBe(sent)
    await pair.world.setAccel(VIF, 'eth0')
    expect(await pair.until(() => pair.phases()[0] === 'active', 100)).toBe(true)
    const phases = watchPhases(pair)
    const probes = watchProbes(pair)
    for (let i = 0; i < 3; i++) await pair.world.setAccel(VIF, 'eth0')
    await pair.for(20)
    expect([phases, probes]).toEqual([[], []])
    expect(fast.frames).toBeGreaterThan(sent)
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })

  it('scenario 7: changed to another plugin: the old one is removed before the new one has its device', async () => {
    const pair = await TwoHosts.make()
    const before = pair.world.resources()
    pair.start()
    await pair.load()
    await pair.world.load(DUMMY)
    await pair.for(5)
    const phases = watchPhases(pair)
    await pair.world.setAccel(VIF, 'dummy')
    expect(await pair.until(() => phases.includes('dummy vif1.0 active'), 100)).toBe(true)
    expect(phases).toEqual([
      'sfc_netfront vif1.0 draining',
      'sfc_netfront vif1.0 requested',
      ' vif1.0 none',
      'dummy vif1.0 requested',
      'dummy vif1.0 attaching',
      'dummy vif1.0 receiving',
      'dummy vif1.0 active',
    ])
    expect(pair.world.status().vis).toBe(1)
    await pair.for(5)
    await pair.world.setAccel(VIF, 'eth0')
    expect(await pair.until(() => phases.at(-1) === 'sfc_netfront vif1.0 active', 100)).toBe(true)
    await pair.world.unload('dummy')
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })
})

describe('the driver domain', () => {
  it('scenario 16: connect probes the vifs that match and no other; disconnect takes it from those that use it', async () => {
    const pair = await TwoHosts.make()
    // A first time, so that the guest's grant table has its size: it grows and does not shrink.
    await pair.world.plug('a.guest1.vif1', { mac: ANOTHER })
    await pair.world.unplug('a.guest1.vif1')
    await pair.for(1500)
    const before = pair.world.resources()
    pair.start()
    await pair.world.plug('a.guest1.vif1', { mac: ANOTHER })
    const plugged = pair.world.resources()
    const probes = watchProbes(pair)
    await pair.load()
    expect(probes).toEqual(['vif1.0'])
    const { registry } = pair.world.host('a').plugins
    expect(registry.state('sfc_netfront')).toMatchObject({ use: 'active', members: [{ name: 'vif1.0' }, {}] })
    await pair.for(5)
    const report = await pair.world.drive(registry.stop('sfc_netfront', 'unloaded'))
    expect(report).toMatchObject({ forced: false, detached: ['vif1.0'], holders: [] })
    expect(await pair.until(() => pair.phases()[0] === 'none', 100)).toBe(true)
    await pair.unload()
    expect(pair.world.resources()).toEqual(plugged)
    await pair.world.unplug('a.guest1.vif1')
    expect(await conserved(pair)).toEqual([])
    // The guest closed before its backend did: the grants of its rings are tried again each second.
    await pair.for(1500)
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })

  it('scenario 16: a probe that fails leaves no lease, and its cause is told', async () => {
    let door: DoorFaults | null = NO_KEYS
    const faultsOf = (side: string) => (side === 'backend' ? door : null)
    const pair = await TwoHosts.make(twoHosts(), { faultsOf })
    const before = pair.world.resources()
    pair.start()
    await pair.world.drive(pair.world.host('a').plugins.loader.load(readPlugin(FOLDER), 'backend'))
    await pair.for(50)
    const { registry } = pair.world.host('a').plugins
    expect(registry.state('sfc_netfront')).toMatchObject({ use: 'none', leases: 0 })
    expect(pair.phases()[0]).toBe('none')
    door = null
    await pair.unload()
    await pair.load()
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })
})
