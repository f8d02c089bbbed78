import type { Scene } from '../bench/scene.js'
import type { Act, Kit } from '../kit/act.js'
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

export const silent: Act<readonly Silent[]> = {
  name: 'silent',
  title: 'the other half says nothing; then attaching is called off after each step of it',
  async run(kit) {
    const found = [await waiting(kit, silentBackend), await waiting(kit, silentFrontend)]
    for (const doors of kit.full ? sequence(40) : [1, 6, 12]) found.push(await calledOff(kit, doors))
    return found
  },
}

const sequence = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

async function waiting(kit: Kit, rig: VaryHalves): Promise<Silent> {
  const aborts: Abort[] = []
  const bench = await kit.bench({
    rig: both(
      rig,
      noting(aborts, () => bench),
    ),
  })
  await bench.load()
  return { scene: await bench.finish('silent'), aborts }
}

/** The guest's half is unloaded as soon as it has called so many doors. */
async function calledOff(kit: Kit, doors: number): Promise<Silent> {
  const aborts: Abort[] = []
  const bench = await kit.bench({
    rig: both(
      silentBackend,
      noting(aborts, () => bench),
    ),
  })
  await bench.enter('a')
  const called = (): number =>
    bench.recorder.calls.filter(
      ({ role, place }) => role === 'door' && place.half === 'frontend' && place.attachment > 0,
    ).length
  await bench.until(() => called() >= doors, 100)
  const unloads = bench.guests.map(({ plugins }) => plugins.loader.unload(bench.name, 'frontend'))
  await bench.world.drive(Promise.all(unloads))
  await bench.for(PATIENCE_MS)
  return { scene: await bench.finish('silent'), aborts }
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
