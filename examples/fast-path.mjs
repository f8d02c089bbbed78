// The fast path: a whole accelerator is loaded on two hosts under traffic and unloaded again. Each line is 2 ms of
// virtual time: wire segments at both guests, sent and received, by the ring and by their virtual interfaces. The line
// behind a switch also holds what went by while it was made.
import { build, startTraffic } from '@netaccel/host'

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

const count = (path) =>
  world.status().vifs.reduce((sum, { tx, rx }) => sum + tx[path].segments + rx[path].segments, 0)
let [slow, fast] = [0, 0]
async function runAndShow(times) {
  for (let i = 0; i < times; i++) {
    await world.run({ for: 2_000_000 })
    const [slowNow, fastNow] = [count('slow'), count('fast')]
    const numbers = [slowNow - slow, fastNow - fast, world.status().filters]
    console.log(numbers.map((number) => String(number).padStart(8)).join(''))
    ;[slow, fast] = [slowNow, fastNow]
  }
}

console.log('    slow    fast filters')
const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0', { flows: 12 })
await runAndShow(3)
await world.load(plugin)
console.log('  loaded')
await runAndShow(6)
await world.unload(plugin)
console.log('  unloaded')
await runAndShow(3)

await traffic.stop()
await world.drain()
const { verdict, oracle } = world.judge()
console.log(`\n${oracle.left} of ${oracle.entered} segments arrived, ${oracle.doubled} twice: ${verdict}`)
await world.close()
