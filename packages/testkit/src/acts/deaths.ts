import type { FrontendVif, Keys } from '@netaccel/core'
import type { Resources } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import type { Bench } from '../bench/bench.js'
import type { Act, Kit } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** One thing that befell one half, and what became of both. */
export interface Death {
  readonly scene: Scene
  /** Nothing befell it: the guest's half left in good order and came back. What is left then has another rule (MEM-01). */
  readonly inOrder: boolean
  /** `the backend half was unloaded while the vif was attaching`. */
  readonly what: string
  /** Where the vif stood when both halves were there again and all had time. */
  readonly phase: string
  /** What is taken while it is attached that a first attachment did not take. */
  readonly more: Partial<Resources>
}

type Entries = Parameters<Keys['write']>[0]

/** What one end still mapped when the other let go of it is ended within a second. */
const KEPT_MS = 1500

const STEPS = ['attaching', 'receiving', 'active', 'draining'] as const

/** Each half is taken away and brought back at each step of an attachment, or repeats what it has said. */
export const deaths: Act<readonly Death[]> = {
  name: 'deaths',
  title: 'each half leaves and returns at every step, or repeats and skips states',
  async run(kit) {
    const found = [await goodOrder(kit)]
    for (const [index, step] of STEPS.entries()) {
      const halves = ['backend', 'frontend'] as const
      // In a quick run one half at each step, by turns.
      for (const half of kit.full ? halves : [halves[index % 2]]) found.push(await leave(kit, half, step))
    }
    found.push(await repeat(kit))
    return found
  },
}

async function goodOrder(kit: Kit): Promise<Death> {
  const bench = await kit.bench()
  await bench.bringIn('a')
  const usual = bench.world.resources()
  await bench.reload('a', 'frontend')
  return { ...(await told(bench, 'the guest half was unloaded and loaded', usual)), inOrder: true }
}

async function leave(kit: Kit, half: 'frontend' | 'backend', step: (typeof STEPS)[number]): Promise<Death> {
  const bench = await kit.bench()
  await bench.bringIn('a')
  const usual = bench.world.resources()
  const [vif] = bench.vifs
  const guest = bench.world.guest('a.guest1')
  const wish = (port: string | undefined): Promise<void> => guest.setAccel('vif0', port)
  // Not waited for: what follows comes in the middle of it.
  const steps = step === 'draining' ? [wish(undefined)] : [wish(undefined).then(() => wish(bench.port))]
  await bench.until(() => vif.phase === step, 100)
  await bench.reload('a', half)
  await bench.world.drive(Promise.all(steps))
  await bench.wishOf(vif.path, true)
  return told(bench, `the ${half} half was unloaded and loaded while the vif was ${step}`, usual)
}

/** The guest's half writes what it began with again, twice, and then what it said last. */
async function repeat(kit: Kit): Promise<Death> {
  const said: { readonly keys: Keys; readonly entries: Entries }[] = []
  const listening = (inner: FrontendVif): FrontendVif => {
    const { keys } = inner
    const write = (entries: Entries): Promise<boolean> => {
      said.push({ keys, entries })
      return keys.write(entries)
    }
    return vary(inner, { keys: vary(keys, { write }) })
  }
  const bench = await kit.bench({ rig: around(() => ({ frontendVif: listening })) })
  await bench.bringIn('a')
  const usual = bench.world.resources()
  const [first] = said
  for (const { keys, entries } of first === undefined ? [] : [first, first, ...said.slice(-1)]) {
    await bench.world.drive(keys.write(entries)).catch(() => false)
    await bench.for(0.3)
  }
  await bench.for(20)
  // Of a VI there is never more than one; grants of its pages stand for as long as the guest, which was told nothing, maps them.
  const { vis } = bench.more(usual)
  const [{ path }] = bench.vifs
  await bench.wishOf(path, false)
  await bench.for(KEPT_MS)
  await bench.wishOf(path, true)
  const death = await told(bench, 'the guest repeated its first state', usual)
  return { ...death, more: { ...death.more, ...(vis !== undefined && { vis }) } }
}

async function told(bench: Bench, what: string, usual: Resources): Promise<Death> {
  const [vif] = bench.vifs
  await bench.until(() => vif.phase === 'active', 10_000)
  await bench.for(5)
  const { phase } = vif
  const more = bench.more(usual)
  return { scene: await bench.finish('deaths'), inOrder: false, what, phase, more }
}
