// Two hosts joined by a wire, a guest on each. The accelerator that package.json names is loaded into the running
// drivers, and unloaded, while both guests send and receive.
import { build, startTraffic } from '@netaccel/host'

const MS = 1_000_000
const host = (nic, guest) => ({
  nics: { eth0: { mac: nic } },
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

/** Segments by each path since the last row. */
const before = { slow: 0, fast: 0 }
function row(title) {
  const since = (path) => {
    const now = world
      .status()
      .vifs.reduce((sum, { tx, rx }) => sum + tx[path].segments + rx[path].segments, 0)
    const moved = now - before[path]
    before[path] = now
    return String(moved)
  }
  console.log(title.padEnd(10) + since('slow').padStart(13) + since('fast').padStart(12))
}

const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0')
console.log(''.padEnd(10) + '  by the ring  by its VIs')
await world.run({ for: 10 * MS })
row('before')
await world.load('sfc_netfront')
await world.run({ for: 10 * MS })
row('loaded')
await world.unload('sfc_netfront')
await world.run({ for: 10 * MS })
row('unloaded')

await traffic.stop()
await world.drain()
const { verdict, oracle } = world.judge()
const { left, entered, doubled, reordered } = oracle
console.log(`${verdict}: ${left} of ${entered} segments arrived, ${doubled} twice, ${reordered} out of order`)
await world.close()
