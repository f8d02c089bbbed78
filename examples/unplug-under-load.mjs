// Unplug under load: an accelerator is loaded and unloaded 20 times while traffic runs, at instants drawn from the seed.
// Nothing may be lost, nothing may arrive twice, and nothing that was taken may be kept.
import { build, left, startTraffic } from '@netaccel/host'
import { Random } from '@netaccel/packet'

const plugin = '@netaccel/accel-solarflare-sim'
const host = (nic, mac) => ({
  nics: { eth0: { mac: nic } },
  guests: { guest1: { vifs: { vif0: { mac, accel: 'eth0' } } } },
  links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
})
const world = await build({
  seed: 1,
  hosts: {
    a: host('00:0f:53:00:00:0a', '00:16:3e:00:00:01'),
    b: host('00:0f:53:00:00:0b', '00:16:3e:00:00:02'),
  },
  wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
})

const before = world.resources()
const random = new Random(world.value.seed)
const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0', { flows: 32 })
for (let cycle = 1; cycle <= 20; cycle++) {
  await world.run({ for: random.below(1_000_000) })
  await world.load(plugin)
  await world.run({ for: 1_000_000 + random.below(1_000_000) })
  const [{ tx }] = world.status().vifs
  console.log(
    `${String(cycle).padStart(2)} unloaded with ${world.status().inFlight} segments in flight, ${tx.fast.frames} frames sent fast so far`,
  )
  await world.unload(plugin)
}

await traffic.stop()
await world.drain()
await world.run({ for: 1_000_000 })
const { verdict, oracle } = world.judge()
console.log(`\n${oracle.left} of ${oracle.entered} segments arrived, ${oracle.doubled} twice: ${verdict}`)
const kept = Object.entries(left(before, world.resources()))
console.log(kept.length === 0 ? 'nothing kept' : `kept: ${kept.join(' ')}`)
await world.close()
