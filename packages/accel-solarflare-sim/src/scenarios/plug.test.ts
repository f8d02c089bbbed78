// A vif is unplugged and plugged in again while it is accelerated and carries traffic.
import { describe, expect, it } from 'vitest'
import { conserved, LEFT_BEHIND } from '../testing/conserved.js'
import { TwoHosts } from '../testing/two-hosts.js'

describe('a vif that is plugged in and out', () => {
  it('scenario 16: leaves its accelerator in order before its rings, and another in its place is probed', async () => {
    const pair = await TwoHosts.make()
    await pair.load()
    pair.start()
    await pair.for(5)
    const host = pair.world.host('a')
    const { vif } = pair.world.vif('a.guest1.vif0')
    const control = pair.world.guest('a.guest1').plugins.accelerators.control(vif)
    const forced: string[] = []
    for (const { events } of [pair.world.guest('a.guest1').plugins, host.plugins])
      events.on('forced', ({ vif, side, holders }) => void forced.push(`${vif} ${side}: ${holders.join()}`))
    for (let i = 0; i < 3; i++) {
      await pair.world.unplug('a.guest1.vif0')
      expect(host.netback.vifs).toEqual([])
      expect(pair.world.nic('a.eth0').driver.vis.handles).toEqual([])
      await pair.for(2)
      await pair.world.plug('a.guest1.vif0', { mac: '00:16:3e:00:00:01', accel: 'eth0' })
      expect(await pair.until(() => pair.world.vif('a.guest1.vif0').phase === 'active', 200)).toBe(true)
      await pair.for(2)
    }
    expect(forced).toEqual([])
    expect(control?.lastReport).toMatchObject({ reason: 'disconnected', forced: false, late: [] })
    expect(pair.world.status()).toMatchObject({ vis: 2 })
    await pair.unload()
    expect(await conserved(pair, ...LEFT_BEHIND)).toEqual([])
    await pair.for(1500)
    const stopped = pair.world.resources()
    await pair.load()
    await pair.unload()
    expect(pair.world.resources()).toEqual(stopped)
    await expect(pair.world.plug('a.guest1.vif0', { mac: '00:16:3e:00:00:09' })).rejects.toMatchObject({
      code: 'NAME_TAKEN',
    })
    await expect(pair.world.unplug('a.guest1.vif7')).rejects.toMatchObject({ code: 'NO_SUCH_PART' })
    await pair.world.close()
  })
})
