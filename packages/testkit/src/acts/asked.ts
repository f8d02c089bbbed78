import type { WorldValue } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import type { Bench } from '../bench/bench.js'
import type { Act } from '../kit/act.js'
import type { Around } from '../record/around.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** Hooks inside which something is asked. */
const HOOKS = [
  'accepts',
  'startXmit',
  'flush',
  'hasRoom',
  'poll',
  'startInterrupts',
  'stopInterrupts',
] as const
type Hook = (typeof HOOKS)[number]
const REQUESTS = ['abort', 'detach', 'unload'] as const
type Request = (typeof REQUESTS)[number]

/** One request. */
export interface Asking {
  readonly hook: Hook
  readonly request: Request
  /** The hook was entered, and the request made inside it. */
  readonly made: boolean
  /** The vif had left the accelerator a virtual second later. */
  readonly left: boolean
  /** From when until before when all this was, virtual ns. */
  readonly from: number
  readonly to: number
}

export interface Asked {
  readonly scene: Scene
  readonly askings: readonly Asking[]
}

/** What is due. */
interface Due {
  hook: Hook
  request: Request
  isDue: boolean
  made: boolean
}

/** A request to leave, or an abort, is made while each hook is on the stack. */
export const asked: Act<Asked> = {
  name: 'asked',
  title: 'a detach, an unload or an abort while each hook is on the stack',
  async run(kit) {
    const due: Due = { hook: 'poll', request: 'abort', isDue: false, made: false }
    const rig = around((_, where) => (where === 'a.guest1' ? asking(due) : {}))
    // What does not come to an end shall do so soon: it is polled all the time.
    const value = (plain: WorldValue): WorldValue => ({
      ...plain,
      deadlines: { ...plain.deadlines, drain: 5 },
    })
    const bench = await kit.bench({ rig, value })
    const askings: Asking[] = []
    for (const [index, hook] of HOOKS.entries()) {
      // In a quick run each hook with one kind of request.
      const requests = kit.full ? REQUESTS : [REQUESTS[index % REQUESTS.length]]
      for (const request of requests) askings.push(await ask(bench, Object.assign(due, { hook, request })))
    }
    return { scene: await bench.finish('asked'), askings }
  },
}

async function ask(bench: Bench, due: Due): Promise<Asking> {
  const { hook, request } = due
  const { timeline } = bench.world
  const from = timeline.now()
  due.made = false
  await bench.load()
  bench.start({ flows: 4, burst: 32, gapNs: 50_000 })
  await bench.for(1)
  due.isDue = true
  const [vif] = bench.vifs
  await bench.until(() => due.made && vif.phase !== 'active', 5)
  await bench.quiet()
  if (due.made) await bench.until(() => vif.attachment === undefined, 1000)
  const left = vif.attachment === undefined
  due.isDue = false
  await bench.unload()
  return { hook, request, made: due.made, left, from, to: timeline.now() }
}

/** Makes the request once, at the next call of the hook that is due; an abort is followed by the detach that it stands for. */
function asking(due: Due): Around {
  const { hook } = due
  const abort = new AbortController()
  let unload = (): void => undefined
  return {
    context: (doors) => {
      unload = () => doors.requestUnload('the kit asks')
      return doors
    },
    frontendVif: (doors) => {
      doors.signal.addEventListener('abort', () => abort.abort(), { once: true })
      return vary(doors, { signal: abort.signal })
    },
    queue: (inner, _, vif) => {
      const before = (): void => {
        if (!due.isDue || due.made) return
        due.made = true
        if (due.request === 'unload') return unload()
        if (due.request === 'abort') abort.abort()
        vif.requestDetach('the kit asks')
      }
      const call = inner[hook].bind(inner) as (...args: unknown[]) => unknown
      return vary(inner, {
        [hook]: (...args: unknown[]) => {
          before()
          return call(...args)
        },
      })
    },
  }
}
