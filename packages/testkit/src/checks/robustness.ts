// ER: what happens when something fails.
import { failing } from '../acts/failing.js'
import type { Failing, Round } from '../acts/failing.js'
import { saturated } from '../acts/saturated.js'
import { scribbled } from '../acts/scribbled.js'
import { steady } from '../acts/steady.js'
import type { Scene } from '../bench/scene.js'
import { look } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each, eachCall, together } from '../kit/judging.js'
import type { Judgement } from '../kit/judging.js'

/** Hooks that a peer's bytes or hardware's reach, and that have no verdict to give. */
const SILENT = new Set(['poll', 'flush', 'hasRoom', 'startInterrupts', 'stopInterrupts', 'accepts'])
const OBSERVERS = new Set(['portObserver', 'guestObserver'])

/** ER-01: reject, decline or count, and the rest works. */
function met({ rounds, after }: Failing): Judgement {
  return together(
    each(rounds, (round) => fault(round)),
    each([after], (phase) =>
      phase === 'active' ? undefined : `with every door sound again the vif is ${phase}, not active`,
    ),
  )
}

function fault({ side, door, call, phase, arrived }: Round): string | undefined {
  const when = `when call ${call + 1} of ${door} of the ${side} half failed`
  if (phase === 'attaching' || phase === 'draining') return `the vif was ${phase} still ${when}`
  return arrived ? undefined : `frames got stuck ${when}: the vif was ${phase}`
}

/** ER-03: nothing that hardware or a peer writes makes a hook throw. */
function silent({ calls }: Scene): Judgement {
  const hooks = calls.filter(
    ({ of, name, role }) => role === 'hook' && ((of === 'queue' && SILENT.has(name)) || OBSERVERS.has(of)),
  )
  return eachCall(hooks, ({ name, outcome, threw }) =>
    outcome === 'threw' ? `${name} threw: ${String(threw)}` : undefined,
  )
}

/** ER-04 and ER-02 are found by who runs the acts: here it is counted how often a hook could have hung. */
function entered({ calls }: Scene): Judgement {
  return { seen: calls.filter(({ role }) => role !== 'door').length, findings: [] }
}

export const robustnessChecks: readonly Check[] = [
  { rule: 'ER-01', looks: [look(failing, met)], unseen: 'no door was called' },
  { rule: 'ER-02', looks: [look(steady, entered)], unseen: 'no hook was called' },
  {
    rule: 'ER-03',
    looks: [look(steady, silent), look(scribbled, silent)],
    unseen: 'no hook was called',
  },
  { rule: 'ER-04', looks: [look(steady, entered), look(saturated, entered)], unseen: 'no hook was called' },
]
