// The slow path: two hosts joined by a wire, a guest on each, mixed traffic both ways for 10 ms of virtual time, and
// how much of it each stage saw. A frame that stands for many segments (GSO) is cut where it leaves its host, at the NIC.
import { build, startTraffic } from '@netaccel/host'

const host = (nic, mac) => ({
  nics: { eth0: { mac: nic } },
  guests: { guest1: { vifs: { vif0: { mac } } } },
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

const trace = world.trace()
const traffic = startTraffic(world, 'a.guest1.vif0', 'b.guest1.vif0', { flows: 16 })
await world.run({ for: 10_000_000 })
await traffic.stop()
await world.drain()

console.log('stage  place             frames  segments')
for (const { stage, step, frames, segments } of trace.steps()) {
  console.log(
    `${stage.padEnd(5)}  ${step.padEnd(15)} ${String(frames).padStart(8)} ${String(segments).padStart(9)}`,
  )
}

const { verdict, oracle } = world.judge()
console.log(`\n${oracle.left} of ${oracle.entered} segments arrived, ${oracle.doubled} twice: ${verdict}`)
await world.close()
