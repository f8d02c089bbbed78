// Two hosts whose NICs are the kind that the new package brings; its accelerator is loaded on both under traffic.
import { build, startTraffic } from '@netaccel/host'

const MS = 1_000_000
const host = (nic, guest) => ({
  nics: { eth0: { kind: 'my-nic', mac: nic } },
  guests: { guest1: { vifs: { vif0: { mac: guest, accel: 'eth0' } } } },
  links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
})
const world = await build({
  hosts: {
    a: host('00:0f:53:00:00:0a', '00:16:3e:00:00:01'),
    b: host('00:0f:53:00:00:0b', '00:16:3e:00:00:02'),
  },
  wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10 }],
})

const mix = { tcp: 0, tcp6: 0, udp: 0.6, short: 0.4, icmp: 0, arp: 0 }
const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0', { mix })
await world.run({ for: 5 * MS })
await world.load('my-nic')
await world.run({ for: 10 * MS })
for (const { path, phase, tx, rx } of world.status().vifs)
  console.log(`${path}: ${phase}, ${tx.fast.frames} sent and ${rx.fast.frames} received by my-nic`)
await world.unload('my-nic')
await traffic.stop()
await world.drain()
const { verdict, oracle } = world.judge()
console.log(`${verdict}: ${oracle.left} of ${oracle.entered} segments arrived`)
await world.close()
