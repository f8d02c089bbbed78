import { eventLoopTurn } from '@netaccel/xen'
import type { Scene } from '../bench/scene.js'
import { Surroundings } from '../bench/surroundings.js'
import type { Bench } from '../bench/bench.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'

export interface Generations {
  readonly scene: Scene
  /** What of the unloaded generations is reachable still, and who was seen to hold it. */
  readonly leaked: readonly string[]
  /** Objects of ended attachments that are reachable still. */
  readonly kept: readonly string[]
  /** What has changed around the plugin over all generations. */
  readonly changes: readonly string[]
  readonly generations: number
}

const ROUNDS = 4

/**
 * Loaded and unloaded again and again, attached and detached several times each, once with the next load asked for while the
 * generation drains. No call is written down: the recording would keep what it is about.
 */
export const generations: Act<Generations> = {
  name: 'generations',
  title: 'load, attach, detach and unload again and again, the next load while the last drains',
  bare: true,
  async run(kit) {
    const objects: { readonly what: string; readonly ref: WeakRef<object> }[] = []
    const note = <T extends object>(what: string, object: T): T => {
      objects.push({ what, ref: new WeakRef(object) })
      return object
    }
    const rig = around(() => ({
      vif: (inner) => note('a vif of the frontend half', inner),
      queue: (inner) => note('a queue of the frontend half', inner),
      probed: (inner) => note('a vif of the backend half', inner),
    }))
    const bench = await kit.bench({ rig })
    bench.recorder.on = false
    bench.hearing.on = false
    // What is made once, at the first load, is the host's.
    await bench.load()
    await bench.unload()
    const before = new Surroundings()
    const count = kit.full ? 30 : 3
    for (let generation = 0; generation < count; generation += 1) {
      await bench.load()
      bench.start({ flows: 4 })
      await bench.for(1)
      await bench.wish(false)
      await bench.wish(true)
      await bench.quiet()
      await drainAndLoad(bench)
      await bench.unload()
    }
    const changes = before.changes(new Surroundings())
    const { refusal } = bench
    // Deadlines that were not reached end by themselves, and what they would have done with them.
    await bench.for(12_000)
    // A collection frees what the one before has let go of: a few rounds reach everything that nobody holds.
    let leaked = await proven(bench)
    for (let round = 0; leaked.length > 0 && round < ROUNDS; round += 1) leaked = await proven(bench)
    const kept = objects.filter(({ ref }) => ref.deref() !== undefined).map(({ what }) => what)
    const scene = { ...(await bench.finish('generations')), refusal }
    return { scene, leaked, kept, changes, generations: 2 * count }
  },
}

/** The next load is asked for while the generation drains: it waits for its end. */
async function drainAndLoad(bench: Bench): Promise<void> {
  const loads = bench.guests.map(async ({ plugins: { loader } }) => {
    const unloading = loader.unload(bench.name, 'frontend')
    const loading = loader.load(bench.subject.package, 'frontend')
    await unloading
    await loading
  })
  await bench.world.drive(Promise.all(loads))
  await bench.until(() => bench.phases.every((phase) => phase === 'active' || phase === 'declined'))
}

/** Collects, and asks every loader what of its unloaded generations is reachable. */
async function proven({ world }: Bench): Promise<string[]> {
  const found: string[] = []
  for (const host of world.hosts.values()) {
    for (const { loader } of [host.plugins, ...[...host.guests.values()].map(({ plugins }) => plugins)]) {
      const { leaked } = await loader.prove(eventLoopTurn)
      for (const { half, holders } of leaked)
        found.push(`the ${half} half in ${host.name}: ${holders.join(', ')}`)
    }
  }
  return found
}
