// Scenarios 8 to 10: a guest is suspended under traffic; it stays after all, or goes on with other backends.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readPlugin } from '@netaccel/core'
import { afterEach, describe, expect, it } from 'vitest'
import { conserved, LEFT_BEHIND } from '../testing/conserved.js'
import { FOLDER, TCP_ONLY, TwoHosts, twoHosts } from '../testing/two-hosts.js'

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** The guest that moves is guest1 of host a; guest2 stays, on host b or on host a. `nic`: what host b calls its own. */
function mover(peer: 'a' | 'b' = 'b', nic = 'eth0'): Promise<TwoHosts> {
  const value = twoHosts()
  const { a, b } = value.hosts
  const guests = { ...(peer === 'a' ? a.guests : {}), guest2: { vifs: b.guests?.guest1?.vifs ?? {} } }
  const links = ['guest2.vif0 -> bridge']
  const one = peer === 'a' ? { ...a, guests, links: [...(a.links ?? []), ...links] } : a
  const two = { ...b, nics: { [nic]: { mac: '00:0f:53:00:00:0b' } }, guests: {}, links: [`${nic} -> bridge`] }
  const other = peer === 'b' ? { ...two, guests, links: [...two.links, ...links] } : two
  const wires = [{ link: `a.eth0 -> b.${nic}`, gbps: 10, delayUs: 2 }]
  return TwoHosts.make({ ...value, hosts: { a: one, b: other }, wires })
}

/** Our own package under another vendor's name. */
function otherVendor(): string {
  const folder = mkdtempSync(join(tmpdir(), 'netaccel-plugin-'))
  folders.push(folder)
  const manifest: { name: string; netaccel: { name: string } } = JSON.parse(
    readFileSync(join(FOLDER, 'package.json'), 'utf8'),
  )
  manifest.name = 'other-vendor'
  manifest.netaccel.name = 'other_netfront'
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  cpSync(join(FOLDER, 'dist'), join(folder, 'dist'), { recursive: true })
  return folder
}

/** Segments that a vif carries by each path in 10 ms, once things have settled. */
async function carried(pair: TwoHosts, path: string): Promise<{ fast: number; slow: number }> {
  const look = (): { fast: number; slow: number } => {
    const { tx, rx } = pair.world.vif(path).meter
    return { fast: tx.fast.segments + rx.fast.segments, slow: tx.slow.segments + rx.slow.segments }
  }
  await pair.for(10)
  const before = look()
  await pair.for(10)
  const now = look()
  return { fast: now.fast - before.fast, slow: now.slow - before.slow }
}

describe('a suspend that is cancelled', () => {
  it('scenario 8: suspend, cancel: exactly one new probe, and the vif stays listed', async () => {
    const pair = await mover()
    const before = pair.world.resources()
    pair.start()
    await pair.load()
    await pair.for(5)
    const { plugins } = pair.world.guest('a.guest1')
    const phases: string[] = []
    plugins.events.on('phase', ({ to }) => void phases.push(to))
    const probed: string[] = []
    pair.world.host('a').plugins.events.on('phase', ({ to }) => void probed.push(to))
    await pair.world.suspend('a.guest1')
    const { vif } = pair.world.vif('a.guest1.vif0')
    expect(plugins.accelerators.control(vif)?.lastReport).toMatchObject({
      reason: 'suspended',
      forced: false,
    })
    expect(plugins.registry.state('sfc_netfront')?.members).toEqual([{ name: 'vif1.0', state: 'declined' }])
    expect(phases).toEqual(['draining', 'declined', 'suspended'])
    // Its virtual CPU stands: it takes nothing, and sends nothing.
    const [{ sent, received }] = pair.stacks
    await pair.for(20)
    expect([pair.stacks[0].sent, pair.stacks[0].received]).toEqual([sent, received])
    expect([pair.phases()[0], phases.length]).toEqual(['suspended', 3])
    pair.world.cancelSuspend('a.guest1')
    await pair.for(50)
    expect(phases.slice(3)).toEqual(['requested', 'attaching', 'receiving', 'active'])
    // The backend half keeps its vif all the time: a frontend that comes back is no new probe there.
    expect(probed).toEqual(['closing', 'offered', 'steering'])
    await pair.unload()
    // What came meanwhile waited for the guest, as far as the queue goes.
    expect(await conserved(pair, 'netback_rx_queue_full')).toEqual([])
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })

  it('scenario 8: what comes while the guest stands waits in the driver domain, and nothing is lost', async () => {
    const pair = await mover()
    pair.start(8, TCP_ONLY, 100_000)
    await pair.load()
    await pair.for(5)
    await pair.world.suspend('a.guest1')
    const { received } = pair.stacks[0]
    // Less than the 512 KiB that the queue holds come in a third of a millisecond.
    await pair.for(0.3)
    const { queues } = pair.world.host('a').netback.vifs[0]
    const waiting = queues[0].queued
    expect([waiting > 0, pair.stacks[0].received]).toEqual([true, received])
    pair.world.cancelSuspend('a.guest1')
    await pair.for(5)
    expect(pair.stacks[0].received).toBeGreaterThan(received + waiting)
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    await pair.world.close()
  })

  it('scenario 8: a reload before the guest stands attaches nothing before the cancel', async () => {
    const pair = await mover()
    pair.start()
    await pair.load()
    const { plugins, vifs } = pair.world.guest('a.guest1')
    const device = vifs.get('vif0')
    const control = device && plugins.accelerators.control(device.vif)
    await pair.world.drive(control?.suspend() ?? Promise.reject(new Error('no control')))
    const { loader } = plugins
    await pair.world.drive(loader.unload('sfc_netfront', 'frontend'))
    await pair.world.drive(loader.load(readPlugin(FOLDER), 'frontend'))
    await pair.for(20)
    expect(pair.phases()).toEqual(['suspended', 'active'])
    control?.cancelSuspend()
    expect(await pair.until(() => pair.phases()[0] === 'active', 100)).toBe(true)
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    await pair.world.close()
  })
})

describe('a guest that goes on elsewhere', () => {
  it('scenario 9: suspend, resume on a host without hardware: the slow path works', async () => {
    // The guest asks for eth0, and there is none on host b.
    const pair = await mover('b', 'lan0')
    const before = pair.world.resources()
    pair.start()
    await pair.load()
    await pair.for(5)
    expect(pair.phases()).toEqual(['active', 'none'])
    await pair.world.suspend('a.guest1')
    await pair.world.resume('a.guest1', 'b')
    const { fast, slow } = await carried(pair, 'b.guest1.vif0')
    expect([pair.world.vif('b.guest1.vif0').phase, fast, slow > 1000]).toEqual(['none', 0, true])
    await pair.unload()
    expect(await conserved(pair, ...LEFT_BEHIND)).toEqual([])
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })

  it.each([
    ['the same host', 'b', 'a'],
    ['another host', 'a', 'b'],
  ] as const)(
    'scenario 10: suspend, resume on %s with hardware: accelerated again',
    async (_, peer, host) => {
      const pair = await mover(peer)
      const before = pair.world.resources()
      pair.start()
      await pair.load()
      await pair.for(5)
      await pair.world.suspend('a.guest1')
      await pair.world.resume('a.guest1', host)
      const path = `${host}.guest1.vif0`
      expect(await pair.until(() => pair.world.vif(path).phase === 'active', 100)).toBe(true)
      const { fast, slow } = await carried(pair, path)
      expect(fast / (fast + slow)).toBeGreaterThan(0.9)
      await pair.unload()
      expect(await conserved(pair, ...LEFT_BEHIND)).toEqual([])
      expect(pair.world.resources()).toEqual(before)
      await pair.world.close()
    },
  )

  it("scenario 10: on a host with another vendor's plugin that one is used", async () => {
    const pair = await mover('a')
    const before = pair.world.resources()
    pair.start()
    await pair.world.load(FOLDER, { hosts: ['a'] })
    await pair.world.load(otherVendor(), { hosts: ['b'] })
    await pair.for(5)
    await pair.world.suspend('a.guest1')
    await pair.world.resume('a.guest1', 'b')
    const path = 'b.guest1.vif0'
    expect(await pair.until(() => pair.world.vif(path).phase === 'active', 100)).toBe(true)
    const { loaded } = pair.world.guest('b.guest1').plugins.loader
    expect(loaded.map(({ name }) => name)).toEqual(['other_netfront'])
    const { fast, slow } = await carried(pair, path)
    expect(fast / (fast + slow)).toBeGreaterThan(0.9)
    await pair.unload()
    await pair.world.unload('other_netfront')
    expect(await conserved(pair, ...LEFT_BEHIND)).toEqual([])
    expect(pair.world.resources()).toEqual(before)
    await pair.world.close()
  })

  it('a guest whose name is taken there, or that finds no memory there, stays where it is', async () => {
    const value = twoHosts()
    const { guest1 } = value.hosts.a.guests ?? {}
    const big = { guest1: { memory: 40, vifs: guest1?.vifs ?? {} } }
    const pair = await TwoHosts.make({
      ...value,
      hosts: { ...value.hosts, a: { ...value.hosts.a, guests: big }, c: {} },
    })
    pair.start()
    await pair.load()
    await pair.world.suspend('a.guest1')
    await expect(pair.world.resume('a.guest1', 'b')).rejects.toMatchObject({ code: 'NAME_TAKEN' })
    await expect(pair.world.resume('a.guest1', 'c')).rejects.toMatchObject({ code: 'NO_MEMORY' })
    await expect(pair.world.resume('a.guest9')).rejects.toMatchObject({ code: 'NO_SUCH_PART' })
    pair.world.cancelSuspend('a.guest1')
    expect(await pair.until(() => pair.phases()[0] === 'active', 100)).toBe(true)
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    await pair.world.close()
  })
})
