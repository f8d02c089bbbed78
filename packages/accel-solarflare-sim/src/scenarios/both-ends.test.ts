// Scenarios 6 and 17: the two ends restart, leave together, die, or say nothing.
import { readPlugin } from '@netaccel/core'
import { describe, expect, it } from 'vitest'
import { conserved } from '../testing/conserved.js'
import { FOLDER, TwoHosts } from '../testing/two-hosts.js'

const DIED = [
  'guest_died',
  'netback_rx_not_connected',
  'netback_rx_disconnected',
  'netback_rx_copy_failed',
  'netback_tx_copy_failed',
  'nic_tx_closed',
  'nic_rx_closed',
  'bridge_no_port',
  'bridge_same_port',
] as const

async function underTraffic(): Promise<{ pair: TwoHosts; before: object }> {
  const pair = await TwoHosts.make()
  const before = pair.world.resources()
  await pair.load()
  pair.start()
  await pair.for(5)
  return { pair, before }
}

function loaders(pair: TwoHosts) {
  const backend = pair.world.host('a').plugins.loader
  const frontend = pair.world.guest('a.guest1').plugins.loader
  return { backend, frontend }
}

async function expectAGoodEnd(pair: TwoHosts, before: object): Promise<void> {
  expect(await pair.until(() => pair.phases().every((phase) => phase === 'active'), 5000)).toBe(true)
  const from = pair.counts()
  await pair.for(10)
  expect(pair.fastShare(from)).toBeGreaterThan(0.8)
  await pair.unload()
  expect(await conserved(pair)).toEqual([])
  expect(pair.world.resources()).toEqual(before)
  await pair.world.close()
}

describe('a second install', () => {
  it.each(['frontend', 'backend'] as const)(
    'scenario 6: reload of the %s half right after its stop: no overlap of generations',
    async (half) => {
      const { pair, before } = await underTraffic()
      const { plugins } = half === 'frontend' ? pair.world.guest('a.guest1') : pair.world.host('a')
      const live: string[] = []
      plugins.events.on('half_registered', ({ generation }) => void live.push(`+${generation}`))
      plugins.events.on('half_stopped', ({ report }) => void live.push(`-${report.generation}`))
      const plugin = readPlugin(FOLDER)
      for (let i = 0; i < 3; i++) {
        const gone = plugins.loader.unload('sfc_netfront', half)
        const back = plugins.loader.load(plugin, half)
        await pair.world.drive(Promise.all([gone, back]))
        await pair.for(3)
      }
      expect(live).toEqual(['-1', '+2', '-2', '+3', '-3', '+4'])
      await expectAGoodEnd(pair, before)
    },
  )
})

describe('scenario 17: the conversation of the two ends', () => {
  it('scenario 17: the driver domain reloads its half', async () => {
    const { pair, before } = await underTraffic()
    const { backend } = loaders(pair)
    for (let i = 0; i < 3; i++) {
      await pair.world.drive(backend.unload('sfc_netfront', 'backend'))
      await pair.for(2)
      await pair.world.drive(backend.load(readPlugin(FOLDER), 'backend'))
      await pair.for(10)
    }
    await expectAGoodEnd(pair, before)
  })

  it('scenario 17: the guest reloads its half', async () => {
    const { pair, before } = await underTraffic()
    const { frontend } = loaders(pair)
    for (let i = 0; i < 3; i++) {
      await pair.world.drive(frontend.unload('sfc_netfront', 'frontend'))
      await pair.for(2)
      await pair.world.drive(frontend.load(readPlugin(FOLDER), 'frontend'))
      await pair.for(10)
    }
    await expectAGoodEnd(pair, before)
  })

  it('scenario 17: both leave at once', async () => {
    const { pair, before } = await underTraffic()
    const { backend, frontend } = loaders(pair)
    for (let i = 0; i < 3; i++) {
      await pair.world.drive(
        Promise.all([backend.unload('sfc_netfront', 'backend'), frontend.unload('sfc_netfront', 'frontend')]),
      )
      await pair.for(2)
      await pair.world.drive(
        Promise.all([
          backend.load(readPlugin(FOLDER), 'backend'),
          frontend.load(readPlugin(FOLDER), 'frontend'),
        ]),
      )
      await pair.for(10)
    }
    await expectAGoodEnd(pair, before)
  })

  it('scenario 17: the guest never answers: the driver domain goes on after its deadlines, by force', async () => {
    const { pair } = await underTraffic()
    const { domain } = pair.world.guest('a.guest1')
    pair.world.timeline.removeEngine(domain.engine)
    await pair.for(2)
    // Seconds follow, in which everything that is sent to the silent guest is lost.
    for (const stack of pair.stacks) stack.stop()
    const { registry, events } = pair.world.host('a').plugins
    const late: string[] = []
    events.on('forced', ({ holders }) => void late.push(...holders))
    const from = pair.world.timeline.now()
    await pair.world.drive(registry.stop('sfc_netfront', 'unloaded'))
    expect(late).toEqual(['the frontend did not begin to leave within 1000 ms'])
    expect(pair.world.timeline.now() - from).toBeLessThan(4_000_000_000)
    expect(pair.world.nic('a.eth0').driver.vis.handles).toEqual([])
    // The neighbour at the other end of the wire does not notice.
    expect(pair.phases()[1]).toBe('active')
    await pair.world.destroy('a.guest1')
    await pair.unload()
    expect(await conserved(pair, ...DIED)).toEqual([])
    await pair.world.close()
  })

  it('scenario 17: the guest dies under traffic: everything comes back, and what it had is named', async () => {
    const pair = await TwoHosts.make()
    await pair.load()
    pair.start()
    await pair.for(5)
    const driver = pair.world.host('a').driver.resources()
    await pair.world.destroy('a.guest1')
    await pair.for(20)
    expect(pair.world.host('a').netback.vifs).toEqual([])
    expect(pair.world.host('a').hypervisor.zombies).toEqual([])
    expect(pair.world.host('a').driver.resources().mappings).toBe(0)
    expect(driver.mappings).toBeGreaterThan(0)
    expect(pair.world.nic('a.eth0').driver.vis.handles).toEqual([])
    await pair.unload()
    expect(await conserved(pair, ...DIED)).toEqual([])
    expect(pair.world.judge().dropped.guest_died).toBeGreaterThan(0)
    await pair.world.close()
  })
})
