import type { VifValue, WorldValue } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import { Surroundings } from '../bench/surroundings.js'
import { TrespassWatch } from '../bench/trespass.js'
import type { Trespass } from '../bench/trespass.js'
import type { Act } from '../kit/act.js'

export interface SettingUp {
  readonly scene: Scene
  readonly trespasses: readonly Trespass[]
  /** What has changed around the plugin between before its evaluation and after its set-up. */
  readonly changes: readonly string[]
}

/** Both halves loaded where no vif asks for them: evaluated and set up, and no more. */
export const settingUp: Act<SettingUp> = {
  name: 'setting-up',
  title: 'both halves are loaded, and no vif asks for them',
  bare: true,
  async run(kit) {
    const { source, manifest } = kit.subject
    const paths = [manifest.frontend, manifest.backend, manifest.hardware].flatMap((path) =>
      path === undefined ? [] : [`${source.folder}/${path.slice(2)}`],
    )
    const bench = await kit.bench({ value: withoutWishes })
    const before = new Surroundings()
    const watch = new TrespassWatch(paths, () => bench.recorder.inPlugin)
    try {
      await bench.load()
    } finally {
      watch.end()
    }
    const changes = before.changes(new Surroundings())
    return { scene: await bench.finish('setting-up'), trespasses: watch.found, changes }
  },
}

function withoutWishes(value: WorldValue): WorldValue {
  const hosts = Object.entries(value.hosts).map(([name, host]) => {
    const guests = Object.entries(host.guests ?? {}).map(([guest, each]) => {
      const vifs = Object.entries(each.vifs).map(([vif, of]) => [vif, withoutWish(of)])
      return [guest, { ...each, vifs: Object.fromEntries(vifs) }]
    })
    return [name, { ...host, guests: Object.fromEntries(guests) }]
  })
  return { ...value, hosts: Object.fromEntries(hosts) as WorldValue['hosts'] }
}

function withoutWish(vif: VifValue): VifValue {
  const { accel: _, ...rest } = vif
  return rest
}
