// MEM: pages, grants, mappings and frames.
import type { RuleId } from '@netaccel/core'
import { failing } from '../acts/failing.js'
import type { Failing } from '../acts/failing.js'
import { nosy } from '../acts/nosy.js'
import type { Nosy } from '../acts/nosy.js'
import { returning } from '../acts/returning.js'
import { saturated } from '../acts/saturated.js'
import { sequences } from '../acts/sequences.js'
import { steady } from '../acts/steady.js'
import { torn } from '../acts/torn.js'
import type { Torn } from '../acts/torn.js'
import { wired } from '../acts/wired.js'
import type { Wired } from '../acts/wired.js'
import type { Scene } from '../bench/scene.js'
import { callsOf } from '../kit/calls-of.js'
import { look, needs, needsHardware } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each, together } from '../kit/judging.js'
import type { Judgement } from '../kit/judging.js'
import { allBack, noMore } from './conserved.js'

/** What the doors have refused under a rule. */
function refused({ events }: Scene, rule: RuleId): Judgement {
  return each(events, ({ name, fields, where, at }) => {
    if (name !== 'refused' || !('text' in fields) || !('rule' in fields) || fields.rule !== rule)
      return undefined
    return { sentence: `a door refused a call in ${where}: ${fields.text}`, at }
  })
}

/** MEM-02: nothing is given back twice or that was not taken, whichever door fails. */
function ownAlone({ scene, rounds }: Failing): Judgement {
  return { seen: rounds.length, findings: refused(scene, 'MEM-02').findings }
}

/** MEM-03: quiet, then unmapped. */
function quietFirst({ reachable, early }: Torn): Judgement {
  const sentence = `${early} of ${reachable} pages were let go while a VI could still reach them`
  return { seen: reachable, findings: early === 0 ? [] : [{ sentence }] }
}

/** MEM-04: what the other end holds still is left alone. */
function leftAlone({ withheld, written }: Torn): Judgement {
  const sentence = `${written} of ${withheld} pages were written to after \`endGrant\` had said that they are in use`
  return { seen: withheld, findings: written === 0 ? [] : [{ sentence }] }
}

/** MEM-05: frames of a pool come back. The door of the pool counts, when its scope closes. */
function poolsWhole(scene: Scene): Judgement {
  const pools =
    callsOf(scene, 'frontendVif', 'pool').length + callsOf(scene, 'hardwareContext', 'pool').length
  return together({ seen: pools, findings: [] }, { seen: 0, findings: refused(scene, 'MEM-05').findings })
}

/** MEM-06: pages of another guest keep their bytes, and keep them to themselves. */
function ownPagesAlone({ flipped, foreign, written, read }: Nosy): Judgement {
  const findings = [
    ...(written === 0 ? [] : [`${written} of ${foreign} pages of another guest were written to`]),
    ...(read === 0 ? [] : [`${read} frames left with bytes of another guest's pages`]),
  ]
  return {
    seen: foreign > 0 ? flipped : 0,
    findings: findings.map((what) => ({ sentence: `${what}, for descriptors with ${flipped} wrong words` })),
  }
}

/** MEM-07: after `quiesce` nothing is touched. */
function untouched({ quiet, touched }: Wired): Judgement {
  const sentence = `hardware wrote to the rings of a quiet VI ${touched} times`
  return { seen: quiet, findings: touched === 0 ? [] : [{ sentence }] }
}

export const memoryChecks: readonly Check[] = [
  {
    rule: 'MEM-06',
    unfit: needsHardware,
    looks: [look(nosy, ownPagesAlone)],
    unseen: 'its guests map no rings that they write',
  },
  { rule: 'MEM-07', unfit: needsHardware, looks: [look(wired, untouched)], unseen: 'no VI was made' },
  {
    rule: 'MEM-01',
    looks: [
      look(steady, allBack),
      look(saturated, allBack),
      look(returning, noMore),
      look(sequences, ({ resources }) => resources),
    ],
    unseen: 'nothing was attached',
  },
  { rule: 'MEM-02', looks: [look(failing, ownAlone)], unseen: 'no door was called' },
  { rule: 'MEM-03', unfit: needs('vi'), looks: [look(torn, quietFirst)], unseen: 'no page was registered' },
  { rule: 'MEM-04', looks: [look(torn, leftAlone)], unseen: 'it leaves the ending of grants to the host' },
  {
    rule: 'MEM-05',
    looks: [look(steady, poolsWhole), look(saturated, poolsWhole)],
    unseen: 'it takes no pools',
  },
]
