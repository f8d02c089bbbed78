import { startTraffic } from '@netaccel/host'
import type { VifValue, WorldValue } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

export interface Beside {
  readonly scene: Scene
  /** Frames that the vif that stays sent by the fast path: while the other was there, and after it had gone. */
  readonly before: number
  readonly after: number
  readonly stayed: string
}

const SECOND: Omit<VifValue, 'accel'> = { mac: '00:16:3e:00:00:21' }
const THIRD: Omit<VifValue, 'accel'> = { mac: '00:16:3e:00:00:22' }

/** Every guest with two vifs. One of the first guest's is detached while all carry traffic. */
export const beside: Act<Beside> = {
  name: 'beside',
  title: 'two vifs in a guest, one detached under the traffic of both',
  async run(kit) {
    const bench = await kit.bench({ value: twoVifs })
    await bench.load()
    const path = (n: number): string => bench.vifs[n].path
    const [, two, three, four] = [0, 1, 2, 3].map(path)
    const one = path(0)
    const main = startTraffic(bench.world, one, three, { flows: 8, gapNs: 50_000 })
    const other = startTraffic(bench.world, two, four, { flows: 8, gapNs: 50_000 })
    const ms = kit.full ? 10 : 2
    await bench.for(ms)
    // From here on the first guest only sends: what it has learnt from what it received must do.
    for (const stack of [...main.stacks.slice(1), ...other.stacks.slice(1)]) stack.stop()
    await bench.for(1)
    const { fast } = bench.world.vif(one).meter.tx
    const from = fast.frames
    await bench.for(ms)
    const before = fast.frames - from
    await other.stop()
    await bench.wishOf(two, false)
    const gone = fast.frames
    await bench.for(ms)
    const after = fast.frames - gone
    await main.stop()
    return { scene: await bench.finish('beside'), before, after, stayed: one }
  },
}

function twoVifs(value: WorldValue): WorldValue {
  const added = [SECOND, THIRD]
  const hosts = Object.entries(value.hosts).map(([name, host]) => {
    const links = [...(host.links ?? [])]
    const guests = Object.entries(host.guests ?? {}).map(([guest, each]) => {
      const { accel } = each.vifs['vif0']
      const more = { ...added.shift(), ...(accel !== undefined && { accel }) } as VifValue
      links.push(`${guest}.vif1 -> bridge`)
      return [guest, { ...each, vifs: { ...each.vifs, vif1: more } }]
    })
    return [name, { ...host, memory: 96, links, guests: Object.fromEntries(guests) }]
  })
  return { ...value, hosts: Object.fromEntries(hosts) as WorldValue['hosts'] }
}
