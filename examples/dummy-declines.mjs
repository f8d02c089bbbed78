// The smallest accelerator: loaded into both drivers under traffic, attached, offered every frame, and declining each.
// Everything stays on the slow path, and unloading it changes nothing either.
import { build, startTraffic } from '@netaccel/host'

const dummy = '@netaccel/accel-dummy'
const [one, two] = ['a.guest1.vif0', 'a.guest2.vif0']
const guest = (mac) => ({ vifs: { vif0: { mac, accel: 'dummy' } } })
const world = await build({
  seed: 1,
  hosts: {
    a: {
      guests: { guest1: guest('00:16:3e:00:00:01'), guest2: guest('00:16:3e:00:00:02') },
      links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'],
    },
  },
})

const offers = () => world.vif(one).fast.reduce((sum, { tx_declined }) => sum + tx_declined, 0)
function show(when) {
  const { phase, tx, rx } = world.status().vifs[0]
  const [slow, fast] = [tx.slow.frames + rx.slow.frames, tx.fast.frames + rx.fast.frames]
  console.log(`${when.padEnd(9)} ${one} is ${phase}: ${slow} frames slow, ${fast} fast, ${offers()} declined`)
}

const traffic = startTraffic(world, one, two)
await world.run({ for: 5_000_000 })
show('before:')
await world.load(dummy)
await world.run({ for: 5_000_000 })
show('loaded:')
await world.unload(dummy)
await world.run({ for: 5_000_000 })
show('unloaded:')

await traffic.stop()
await world.drain()
const { verdict, oracle } = world.judge()
console.log(`\n${oracle.left} of ${oracle.entered} segments arrived, ${oracle.doubled} twice: ${verdict}`)
await world.close()
