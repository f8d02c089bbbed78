// A driver domain that maps what guests send (docs/lazy-copy.md), and an accelerator that comes and goes meanwhile: its order
// fence takes an answer for a departure, so while it is there netback copies.
import { build, left, startTraffic } from '@netaccel/host'
import type { HostValue } from '@netaccel/host'
import { Random } from '@netaccel/packet'
import { expect, it } from 'vitest'

const PLUGIN = '@netaccel/accel-solarflare-sim'

function host(nic: string, mac: string): HostValue {
  return {
    driver: { lazyCopy: 'delayed' },
    nics: { eth0: { mac: nic } },
    guests: { guest1: { vifs: { vif0: { mac, accel: 'eth0' } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  }
}

it('loaded and unloaded under traffic beside lazy copying: nothing is lost, doubled, reordered or kept', async () => {
  const world = await build({
    hosts: {
      a: host('00:0f:53:00:00:0a', '00:16:3e:00:00:01'),
      b: host('00:0f:53:00:00:0b', '00:16:3e:00:00:02'),
    },
    wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
  })
  const before = world.resources()
  const random = new Random(4)
  const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0', { flows: 8 })
  for (let cycle = 0; cycle < 2; cycle++) {
    await world.run({ for: random.below(500_000) })
    await world.load(PLUGIN)
    await world.run({ for: 500_000 + random.below(500_000) })
    await world.unload(PLUGIN)
  }
  const { counters } = world.host('a').netback.vifs[0].queues[0]
  await traffic.stop()
  await world.drain()
  await world.run({ for: 1_000_000 })
  expect(world.judge()).toMatchObject({
    verdict: 'nothing lost',
    oracle: { missing: 0, doubled: 0, reordered: 0 },
  })
  expect(left(before, world.resources())).toEqual({})
  expect(counters.tx_zerocopy_sent).toBeGreaterThan(20)
  expect(counters.tx_zerocopy_success + counters.tx_zerocopy_fail).toBe(counters.tx_zerocopy_sent)
  await world.close()
})
