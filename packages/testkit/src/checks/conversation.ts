// CT: the two halves, and what a hostile one may do.
import { greedy } from '../acts/greedy.js'
import type { Greedy } from '../acts/greedy.js'
import { scribbled } from '../acts/scribbled.js'
import { sized } from '../acts/sized.js'
import type { Sized } from '../acts/sized.js'
import { steady } from '../acts/steady.js'
import type { Scene } from '../bench/scene.js'
import { callsOf } from '../kit/calls-of.js'
import { look, needs } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each, eachCall, together } from '../kit/judging.js'
import type { Judgement } from '../kit/judging.js'

/** Calls of doors that one event of a peer may cause at most, where nothing is attached or detached. */
const MOST_CALLS = 2000
const LONG_HOOKS = new Set(['newDevice', 'probe', 'openQueue', 'remove', 'frontend', 'backend', 'hardware'])
/** Written by the host. */
const HOSTS = /^accel(-frontend|-phase|-fence-.*)?$/

/** CT-02: bounded work. */
function bounded({ calls }: Scene): Judgement {
  return eachCall(
    calls.filter(({ role, name }) => role !== 'door' && !LONG_HOOKS.has(name)),
    ({ n, last, name }) =>
      last - n <= MOST_CALLS ? undefined : `${name} called doors ${last - n - 1} times before it returned`,
  )
}

/** CT-03: only its own keys. */
function ownKeys(scene: Scene): Judgement {
  return eachCall(callsOf(scene, 'keys', 'write'), ({ args }) => {
    const wrong = Object.keys(args[0] as object).find((key) => !key.startsWith('accel') || HOSTS.test(key))
    return wrong === undefined ? undefined : `it wrote ${wrong}, which is not its own`
  })
}

/** CT-06: what works with fewer pages works with more. */
function everySize({ tried }: Sized): Judgement {
  const least = tried.find(({ phase }) => phase === 'active')
  if (least === undefined) return { seen: 0, findings: [] }
  return each(
    tried.filter(({ pages }) => pages > least.pages),
    ({ pages, phase }) =>
      phase === 'active'
        ? undefined
        : `with a quota of ${pages} buffer pages the vif is ${phase}; with ${least.pages} it is active`,
  )
}

/** CT-07: one guest's greed is its own affair. */
function ownAffair({ punished, others }: Greedy): Judgement {
  return together(
    each(punished ? others : [], ({ vif, phase }) =>
      phase === 'active' ? undefined : `${vif} is ${phase} after another guest asked for more than its quota`,
    ),
  )
}

export const conversationChecks: readonly Check[] = [
  {
    rule: 'CT-02',
    looks: [look(steady, bounded), look(scribbled, bounded)],
    unseen: 'nothing came from the other end',
  },
  { rule: 'CT-03', looks: [look(steady, ownKeys)], unseen: 'it writes no keys' },
  {
    rule: 'CT-06',
    unfit: needs('vi'),
    looks: [look(sized, everySize)],
    unseen: 'it attached with no quota',
  },
  {
    rule: 'CT-07',
    unfit: needs('vi'),
    looks: [look(greedy, ownAffair)],
    unseen: 'no guest could be greedy',
  },
]
