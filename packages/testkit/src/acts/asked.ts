import type { WorldValue } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import type { Act, Kit } from '../kit/act.js'
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

export interface Asked {
  readonly scene: Scene
  readonly hook: Hook
  readonly request: Request
  /** The hook was entered, and the request made inside it. */
  readonly made: boolean
  /** The vif had left the accelerator a virtual second later. */
  readonly left: boolean
}

/** A request to leave, or an abort, is made while each hook is on the stack. */
export const asked: Act<readonly Asked[]> = {
  name: 'asked',
  title: 'a detach, an unload or an abort while each hook is on the stack',
  async run(kit) {
    const found: Asked[] = []
    for (const [index, hook] of HOOKS.entries()) {
      // In a quick run each hook with one kind of request.
      const requests = kit.full ? REQUESTS : [REQUESTS[index % REQUESTS.length]]
      for (const request of requests) found.push(await ask(kit, hook, request))
    }
    return found
  },
}

async function ask(kit: Kit, hook: Hook, request: Request): Promise<Asked> {
  const state = { due: false, made: false }
  const rig = around((_, where) => (where === 'a.guest1' ? asking(hook, request, state) : {}))
  // What does not come to an end shall do so soon: it is polled all the time.
  const value = (plain: WorldValue): WorldValue => ({ ...plain, deadlines: { ...plain.deadlines, drain: 5 } })
  const bench = await kit.bench({ rig, value })
  await bench.load()
  bench.start({ flows: 4, burst: 32, gapNs: 50_000 })
  await bench.for(1)
  state.due = true
  const [vif] = bench.vifs
  await bench.until(() => state.made && vif.phase !== 'active', 5)
  await bench.quiet()
  if (state.made) await bench.until(() => vif.attachment === undefined, 1000)
  const left = vif.attachment === undefined
  return { scene: await bench.finish('asked'), hook, request, made: state.made, left }
}

/** Makes the request once, at the next call of the hook that is due; an abort is followed by the detach that it stands for. */
function asking(hook: Hook, request: Request, state: { due: boolean; made: boolean }): Around {
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
        if (!state.due || state.made) return
        state.made = true
        if (request === 'unload') return unload()
        if (request === 'abort') abort.abort()
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
