import type { Bench } from '../bench/bench.js'
import type { FrontendVif, BackendVif } from '@netaccel/core'
import { ChangingWords } from '../bench/changing-words.js'
import type { Change } from '../bench/changing-words.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** One word of a shared page, and what came of three attachments. */
export interface Changed {
  /** `frontend 1+28`: byte 28 of that half's first piece of memory. */
  readonly word: string
  readonly value: number
  /** With the word as it stood, with this value at each reading, and with it from the second reading in one go. */
  readonly plain: string
  readonly always: string
  readonly between: string
}

export interface Changing {
  readonly scene: Scene
  readonly changed: readonly Changed[]
}

const VALUES = [0, 0xffff_ffff] as const
/** Words that are tried. */
const QUICK = 2
const FULL = 32
const SETTLED = ['active', 'declined', 'requested', 'none']
const PATIENCE_MS = 8000

export const changing: Act<Changing> = {
  name: 'changing',
  title: 'words of the pages between the halves that are others at each reading, or at the second',
  bare: true,
  async run(kit) {
    const words = new ChangingWords()
    const bench = await kit.bench({
      rig: around((_, where) =>
        where.startsWith('a.')
          ? {
              frontendVif: (doors) => vary<FrontendVif>(doors, words.watch('frontend', doors)),
              backendVif: (doors) => vary<BackendVif>(doors, words.watchBackend(doors)),
            }
          : {},
      ),
    })
    const outcome = (change: Change | null): Promise<string> => {
      words.begin()
      words.change = change
      return attachment(bench)
    }
    const plain = await outcome(null)
    const changed: Changed[] = []
    for (const word of [...words.words].slice(0, kit.full ? FULL : QUICK))
      for (const value of VALUES) {
        const always = await outcome({ word, value, between: false })
        const between = await outcome({ word, value, between: true })
        changed.push({ word, value, plain, always, between })
      }
    return { scene: await bench.finish('changing'), changed }
  },
}

/** Attach, traffic, detach: in words what the first guest had of it. */
async function attachment(bench: Bench): Promise<string> {
  const { calls } = bench.recorder
  const from = calls.length
  await bench.load(['a'])
  const [vif] = bench.vifs
  await bench.until(() => SETTLED.includes(vif.phase), PATIENCE_MS)
  bench.start({ flows: 2 })
  await bench.for(2)
  const { phase } = vif
  await bench.quiet()
  await bench.unload(['a'])
  await bench.for(20)
  const seen = calls.slice(from)
  const accepted = seen.some(({ name, result }) => name === 'startXmit' && result === 'accepted')
  const threw = seen.find(
    ({ role, outcome }) => role !== 'door' && (outcome === 'threw' || outcome === 'rejected'),
  )
  const end = threw === undefined ? 'nothing threw' : `${threw.name} threw`
  return `the vif was ${phase}, ${accepted ? 'frames went' : 'no frame went'} by the fast path, ${end}`
}
