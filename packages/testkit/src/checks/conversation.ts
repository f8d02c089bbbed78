// CT: the two halves, and what a hostile one may do.
import { changing } from '../acts/changing.js'
import type { Changing } from '../acts/changing.js'
import { greedy } from '../acts/greedy.js'
import type { Greedy } from '../acts/greedy.js'
import { misplaced } from '../acts/misplaced.js'
import type { Conversations } from '../acts/misplaced.js'
import { scribbled } from '../acts/scribbled.js'
import { sized } from '../acts/sized.js'
import type { Sized } from '../acts/sized.js'
import { slowReader } from '../acts/slow-reader.js'
import type { SlowReader } from '../acts/slow-reader.js'
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
/** Doors that take what is called at an event of the other end. */
const EVENTS = new Set(['listen', 'connect'])
/** Written by the host. */
const HOSTS = /^accel(-frontend|-phase|-fence-.*)?$/

/** CT-01: who reads a word once does as with the one value or as with the other. */
function readOnce({ changed }: Changing): Judgement {
  return each(changed, ({ word, value, plain, always, between }) =>
    between === plain || between === always
      ? undefined
      : `${between}, when the word at ${word} was 0x${value.toString(16)} at its second reading; always: ${always}; never: ${plain}`,
  )
}

/** CT-02: bounded work. */
function bounded({ calls }: Scene): Judgement {
  return eachCall(
    calls.filter(({ role, name }) => role !== 'door' && !LONG_HOOKS.has(name)),
    ({ n, last, name }) =>
      last - n <= MOST_CALLS ? undefined : `${name} called doors ${last - n - 1} times before it returned`,
  )
}

/** CT-02: an event is refused, whatever stands in the pages by then. */
function heard(scene: Scene): Judgement {
  return eachCall(
    scene.calls.filter(({ role, name }) => role === 'callback' && EVENTS.has(name)),
    ({ outcome, threw }) => (outcome === 'threw' ? `it threw at an event: ${String(threw)}` : undefined),
  )
}

/** CT-03: only its own keys. */
function ownKeys(scene: Scene): Judgement {
  return eachCall(callsOf(scene, 'keys', 'write'), ({ args }) => {
    const wrong = Object.keys(args[0] as object).find((key) => !key.startsWith('accel') || HOSTS.test(key))
    return wrong === undefined ? undefined : `it wrote ${wrong}, which is not its own`
  })
}

/** CT-04: what finds the ring full is said when there is room. What gets lost with room too has another rule. */
function losesNothing({ prompt, late }: SlowReader): Judgement {
  if (prompt.phase !== 'active' || prompt.missed > 0) return { seen: 0, findings: [] }
  const { phase, known, missed } = late
  const findings = [
    ...(phase === 'active' ? [] : [`the vif came to ${phase} because the halves heard late of each other`]),
    ...(missed === 0
      ? []
      : [
          `of ${known} addresses that had moved while the other half did not read, frames to ${missed} were still accepted`,
        ]),
  ]
  return { seen: known, findings: findings.map((sentence) => ({ sentence })) }
}

/** CT-05: refused, and the conversation lives. What a half throws with every message in its place is no matter of theirs. */
function lives({ plain, spoilt, after }: Conversations): Judgement {
  if (plain.phase !== 'active' || plain.threw.length > 0) return { seen: 0, findings: [] }
  return together(
    each(spoilt, ({ what, unknown, phase, threw }) => {
      if (threw.length > 0) return `${threw[0]}; said was ${what}`
      if (unknown && phase !== 'active') return `the vif came to ${phase}; said was ${what}`
      return phase === 'attaching' ? `the vif was attaching still; said was ${what}` : undefined
    }),
    each(spoilt.length > 0 ? [after] : [], (phase) =>
      phase === 'active' ? undefined : `with every message in its place again the vif came to ${phase}`,
    ),
  )
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
    rule: 'CT-01',
    looks: [look(changing, readOnce)],
    unseen: 'it reads no word of a shared page through a view',
  },
  {
    rule: 'CT-02',
    looks: [look(steady, bounded), look(scribbled, bounded), look(scribbled, heard)],
    unseen: 'nothing came from the other end',
  },
  { rule: 'CT-03', looks: [look(steady, ownKeys)], unseen: 'it writes no keys' },
  {
    rule: 'CT-04',
    unfit: needs('vi', 'tx'),
    looks: [look(slowReader, losesNothing)],
    unseen: 'the fast path reached nobody whose address then moved',
  },
  {
    rule: 'CT-05',
    looks: [look(misplaced, lives)],
    unseen: "its halves do not talk by core's MessagePages, or do not come to terms",
  },
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
