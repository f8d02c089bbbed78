import type { Keys } from '@netaccel/core'
import type { Resources } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import type { Bench } from '../bench/bench.js'
import type { Act, Kit } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** One thing that befell one half, and what became of both. */
export interface Death {
  readonly scene: Scene
  /** `the backend half was unloaded while the vif was attaching`. */
  readonly what: string
  /** Where the vif stood when both halves were there again and all had time. */
  readonly phase: string
  /** What is taken while it is attached that a first attachment did not take. */
  readonly more: Partial<Resources>
}

const STEPS = ['attaching', 'receiving', 'active', 'draining'] as const

/** Each half is taken away and brought back at each step of an attachment, or repeats what it has said. */
export const deaths: Act<readonly Death[]> = {
  name: 'deaths',
  title: 'each half leaves and returns at every step, or repeats and skips states',
  async run(kit) {
    const found: Death[] = []
    for (const [index, step] of STEPS.entries()) {
      const halves = ['backend', 'frontend'] as const
      // In a quick run one half at each step, by turns.
      for (const half of kit.full ? halves : [halves[index % 2]]) found.push(await leave(kit, half, step))
    }
    found.push(await repeat(kit))
    return found
  },
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

/** Each half writes its last keys again, then removes them for a moment. */
async function repeat(kit: Kit): Promise<Death> {
  const said = new Map<Keys, Map<string, string>>()
  const listening = <T extends { readonly keys: Keys }>(inner: T): T => {
    const { keys } = inner
    const entries = new Map<string, string>()
    said.set(keys, entries)
    return vary(inner, {
      keys: vary(keys, {
        write(given) {
          for (const [key, value] of Object.entries(given)) {
            if (value === undefined) entries.delete(key)
            else entries.set(key, value)
          }
          return keys.write(given)
        },
      }),
    } as Partial<T>)
  }
  const bench = await kit.bench({ rig: around(() => ({ frontendVif: listening, backendVif: listening })) })
  await bench.bringIn('a')
  const usual = bench.world.resources()
  for (const [keys, entries] of said) {
    for (let times = 0; times < 3; times += 1) {
      await bench.world.drive(keys.write(Object.fromEntries(entries))).catch(() => false)
      await bench.for(0.2)
    }
  }
  await bench.for(20)
  return told(bench, 'each half wrote its keys again and again', usual)
}

async function told(bench: Bench, what: string, usual: Resources): Promise<Death> {
  const [vif] = bench.vifs
  await bench.until(() => vif.phase === 'active', 10_000)
  await bench.for(5)
  const { phase } = vif
  const more = bench.more(usual)
  return { scene: await bench.finish('deaths'), what, phase, more }
}
