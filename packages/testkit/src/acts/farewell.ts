import type { Keys, VifScope } from '@netaccel/core'
import type { Scene } from '../bench/scene.js'
import type { Bench } from '../bench/bench.js'
import type { Act, Kit } from '../kit/act.js'
import type { VaryHalves } from '../plugin/source.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

export interface Farewell {
  readonly scene: Scene
  /** What the other half was. */
  readonly other: string
}

/** One end leaves while the other says nothing any more, is dead, or does not stop talking. */
export const farewell: Act<readonly Farewell[]> = {
  name: 'farewell',
  title: 'one half leaves while the other is mute, dead, or noisy',
  async run(kit) {
    return [await mute(kit, 'backend'), await mute(kit, 'frontend'), await dead(kit), await noisy(kit)]
  },
}

async function attached(kit: Kit, rig?: VaryHalves): Promise<Bench> {
  const bench = await kit.bench(rig === undefined ? {} : { rig })
  await bench.load()
  bench.start({ flows: 4 })
  await bench.for(1)
  return bench
}

/** From a moment on nothing that the half does or hears passes its doors. */
async function mute(kit: Kit, half: 'frontend' | 'backend'): Promise<Farewell> {
  const line = { cut: false }
  const rig = around((facts) => (facts.half === half ? muted(line) : {}))
  const bench = await attached(kit, rig)
  await bench.quiet()
  line.cut = true
  const [host] = bench.world.hosts.values()
  const { loader } = half === 'backend' ? [...host.guests.values()][0].plugins : host.plugins
  const leaving = half === 'backend' ? 'frontend' : 'backend'
  await bench.world.drive(loader.unload(bench.name, leaving))
  line.cut = false
  return { scene: await bench.finish('farewell'), other: `the ${half} half was mute` }
}

function muted(line: { cut: boolean }) {
  const quietly =
    <A extends unknown[]>(work: (...args: A) => void) =>
    (...args: A): void => {
      if (!line.cut) work(...args)
    }
  const doors = <T extends VifScope>(inner: T): T => {
    const { keys } = inner
    const over: Partial<VifScope> = {
      keys: vary(keys, {
        write: (entries) => (line.cut ? Promise.resolve(true) : keys.write(entries)),
        watch: (key, changed) => keys.watch(key, quietly(changed)),
        watchPeer: (key, changed) => keys.watchPeer(key, quietly(changed)),
      }),
      listen: (event, remote) => inner.listen(quietly(event), remote),
      connect: (port, event, remote) => inner.connect(port, quietly(event), remote),
    }
    return vary(inner, over as Partial<T>)
  }
  return { frontendVif: doors, backendVif: doors }
}

/** The guest is destroyed as it stands. */
async function dead(kit: Kit): Promise<Farewell> {
  const bench = await attached(kit)
  const { path } = bench.vifs[0]
  await bench.world.destroy(path.slice(0, path.lastIndexOf('.')))
  return { scene: await bench.finish('farewell'), other: 'the guest was dead' }
}

/** All keys of the guest's half that stand are written again and again meanwhile. */
async function noisy(kit: Kit): Promise<Farewell> {
  const said = new Map<Keys, Record<string, string | undefined>>()
  const rig = around(() => ({
    frontendVif: (inner) => {
      const { keys } = inner
      return vary(inner, {
        keys: vary(keys, {
          write(entries) {
            said.set(keys, { ...said.get(keys), ...entries })
            return keys.write(entries)
          },
        }),
      })
    },
  }))
  const bench = await attached(kit, rig)
  await bench.quiet()
  const repeat = (): void => {
    for (const [keys, entries] of said) void keys.write(entries).catch(() => false)
  }
  const [host] = bench.world.hosts.values()
  const unloading = host.plugins.loader.unload(bench.name, 'backend')
  for (let i = 0; i < 20; i += 1) {
    repeat()
    await bench.for(0.1)
  }
  await bench.world.drive(unloading)
  return { scene: await bench.finish('farewell'), other: 'the guest wrote its keys again and again' }
}
