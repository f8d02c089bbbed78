import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { callsOf } from '../kit/calls-of.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'
import type { VaryHalves } from '../plugin/source.js'
import type { Bench } from '../bench/bench.js'

/** When the host called off what an attachment was waiting for. */
export interface Abort {
  readonly where: string
  readonly handle: number
  readonly at: number
}

export interface Silent {
  readonly scene: Scene
  readonly aborts: readonly Abort[]
}

/** A backend half that offers itself and never says a word. */
const silentBackend: VaryHalves = around(() => ({
  backend: (inner) => vary(inner, { probe: () => Promise.resolve({ remove() {} }) }),
}))

/** A guest's half that takes the vif and never says a word. */
const silentFrontend: VaryHalves = around(() => ({
  frontend: (inner) => vary(inner, { newDevice: () => new Promise(() => {}) }),
}))

/** Longer than every deadline of attaching. */
const PATIENCE_MS = 6000

export const silent: Act<Silent> = {
  name: 'silent',
  title: 'the other half says nothing; then attaching is called off after each step of it',
  async run(kit) {
    const aborts: Abort[] = []
    let rig: VaryHalves = silentBackend
    const bench = await kit.bench({
      // Asked at each load, so that one world shows all.
      rig: both(
        (...given) => rig(...given),
        noting(aborts, () => bench),
      ),
    })
    // First, as a guest that has been given a package once loads it by itself from then on.
    for (const doors of kit.full ? sequence(40) : [1, 6, 12]) await callOff(bench, doors)
    for (rig of [silentBackend, silentFrontend]) {
      await bench.load()
      await bench.unload()
    }
    return { scene: await bench.finish('silent'), aborts }
  },
}

const sequence = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** The guest's half is unloaded as soon as it has called so many doors. */
async function callOff(bench: Bench, doors: number): Promise<void> {
  const { calls } = bench.recorder
  const from = calls.length
  await bench.enter('a')
  const called = (): number =>
    calls
      .slice(from)
      .filter(({ role, place }) => role === 'door' && place.half === 'frontend' && place.attachment > 0)
      .length
  await bench.until(() => called() >= doors, 100)
  const unloads = bench.guests.map(({ plugins }) => plugins.loader.unload(bench.name, 'frontend'))
  await bench.world.drive(Promise.all(unloads))
  const settled = (): boolean =>
    callsOf({ calls }, 'frontend', 'newDevice').every(({ outcome }) => outcome !== 'pending')
  await bench.until(settled, PATIENCE_MS)
  await bench.unload()
}

/** Notes when a scope's signal aborts. */
function noting(aborts: Abort[], bench: () => Bench): VaryHalves {
  return around((_, where) => ({
    frontendVif: (doors) => {
      const { handle, signal } = doors
      signal.addEventListener('abort', () => aborts.push({ where, handle, at: bench().world.timeline.now() }))
      return doors
    },
  }))
}

/** The second outside the first. */
function both(one: VaryHalves, two: VaryHalves): VaryHalves {
  return (halves, facts, where) => two(one(halves, facts, where), facts, where)
}
