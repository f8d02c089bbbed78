import { startTraffic } from '@netaccel/host'
import type { VifValue, WorldValue } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

export interface Beside {
  readonly scene: Scene
  /** Frames of the vif that stays, by the fast path: while the other was there, and after it had gone. */
  readonly before: number
  readonly after: number
  readonly stayed: string
}

const SECOND: Omit<VifValue, 'accel'> = { mac: '00:16:3e:00:00:21' }
const THIRD: Omit<VifValue, 'accel'> = { mac: '00:16:3e:00:00:22' }

/** Every guest with two vifs. One of the first guest's is unplugged while all carry traffic. */
export const beside: Act<Beside> = {
  name: 'beside',
  title: 'two vifs in a guest, one unplugged under the traffic of both',
  async run(kit) {
    const bench = await kit.bench({ value: twoVifs })
    await bench.load()
    const path = (n: number): string => bench.vifs[n].path
    const [, two, three, four] = [0, 1, 2, 3].map(path)
    const one = path(0)
    bench.start({ flows: 8 }, one, three)
    const other = startTraffic(bench.world, two, four, { flows: 8 })
    await bench.for(kit.full ? 20 : 5)
    const stays = bench.world.vif(one)
    const fast = (): number => stays.meter.tx.fast.frames + stays.meter.rx.fast.frames
    const before = fast()
    await other.stop()
    await bench.wishOf(two, false)
    const gone = fast()
    await bench.for(kit.full ? 20 : 5)
    const after = fast() - gone
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
