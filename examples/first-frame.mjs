// The first frame, in 15 lines: one host, two guests, a datagram from one to the other, and each stage that it passes.
import { build, sendText } from '@netaccel/host'

const guest = (mac) => ({ vifs: { vif0: { mac } } })
const guests = { guest1: guest('00:16:3e:00:00:01'), guest2: guest('00:16:3e:00:00:02') }
const links = ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge']
const world = await build({ hosts: { a: { guests, links } } })

const trace = world.trace()
sendText(world, 'a.guest1.vif0', 'a.guest2.vif0', 'hello')
await world.run()
console.log(trace.text())

await world.drain()
console.log(world.judge().verdict)
await world.close()
