// PF: what the data path costs.
import type { FrontendVif, Page } from '@netaccel/core'
import { heap } from '../acts/heap.js'
import type { HeapUse } from '../acts/heap.js'
import { saturated } from '../acts/saturated.js'
import { steady } from '../acts/steady.js'
import type { Scene } from '../bench/scene.js'
import { callsOf, callsWithin, groupBy, queueKey } from '../kit/calls-of.js'
import { look, needs } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each, eachCall, together } from '../kit/judging.js'
import type { Judgement } from '../kit/judging.js'
import type { Call } from '../record/calls.js'

/** Buffers that one doorbell posts at least, and doorbells of a poll beside those: for events read, and for a rest. */
const BATCH = 16
const OTHERS = 2

const rings = (scene: Scene, call: Call): number =>
  callsWithin(scene, call).filter(({ of, name }) => of === 'ioPage' && name === 'write32').length

const charged = (calls: readonly Call[], cost: string): number =>
  calls
    .filter(({ of, name, args }) => of === 'queueDoors' && name === 'charge' && args[0] === cost)
    .reduce((sum, { args }) => sum + Number(args[1]), 0)

/** PF-02: a doorbell for a burst, not for a frame. */
function fewDoorbells(scene: Scene): Judgement {
  return together(
    eachCall(callsOf(scene, 'queue', 'startXmit', 'accepts', 'hasRoom'), (call) =>
      rings(scene, call) === 0 ? undefined : `${call.name} rang a doorbell`,
    ),
    eachCall(callsOf(scene, 'queue', 'flush'), (call) => {
      const count = rings(scene, call)
      return count <= 1 ? undefined : `flush rang ${count} times`
    }),
    eachCall(callsOf(scene, 'queue', 'poll'), (call) => {
      const count = rings(scene, call)
      const posted = charged(callsWithin(scene, call), 'descriptor')
      return count <= OTHERS + Math.ceil(posted / BATCH)
        ? undefined
        : `a poll rang ${count} times, and posted ${posted} buffers`
    }),
  )
}

/** PF-03: what hardware can be seen to have been given was charged, and what it cannot reach must have been copied. */
function chargedFor(scene: Scene): Judgement {
  const granted = new Set(callsOf(scene, 'frontendVif', 'grant').map(({ args }) => args[0]))
  const queues = groupBy(
    scene.calls.filter(({ of }) => of === 'queue' || of === 'queueDoors'),
    queueKey,
  )
  return each(queues.values(), (calls) => {
    const accepted = calls.filter(({ name, result }) => name === 'startXmit' && result === 'accepted')
    const [{ at, place }] = calls
    if (accepted.length === 0) return undefined
    const reaches = stackPages(scene, place.attachment).some((page) => granted.has(page))
    const bytes = reaches ? 0 : accepted.reduce((sum, { frame }) => sum + (frame?.length ?? 0), 0)
    if (charged(calls, 'byte') < bytes)
      return {
        at,
        sentence: `${bytes} bytes were sent out of pages that nobody else reaches, and ${charged(calls, 'byte')} charged as copied`,
      }
    const descriptors = charged(calls, 'descriptor')
    if (reaches && descriptors < accepted.length)
      return {
        at,
        sentence: `${accepted.length} frames were accepted and ${descriptors} descriptors charged`,
      }
    return undefined
  })
}

/** The pages that offered frames lie in. */
function stackPages(scene: Scene, attachment: number): Page[] {
  const [made] = callsOf(scene, 'frontend', 'newDevice').filter(
    ({ place }) => place.attachment === attachment,
  )
  return (made.args[0] as FrontendVif).txArenas.flatMap(({ pages }) => pages)
}

/** Bytes a frame. */
const MOST_BYTES = 0.5

/** PF-01: with the plugin a frame costs no more heap than without. */
function noGarbage({ withPlugin, without, fast }: HeapUse): Judgement {
  const bytes = withPlugin - without
  if (bytes < MOST_BYTES) return { seen: Math.max(fast, 1), findings: [] }
  const sentence = `a frame costs ${bytes.toFixed(1)} bytes of heap more than without the plugin`
  return { seen: Math.max(fast, 1), findings: [{ sentence }] }
}

export const performanceChecks: readonly Check[] = [
  {
    rule: 'PF-01',
    looks: [look(heap, noGarbage)],
    unseen: 'it is measured in a full run only',
  },
  {
    rule: 'PF-02',
    unfit: needs('tx', 'rx'),
    looks: [look(steady, fewDoorbells), look(saturated, fewDoorbells)],
    unseen: 'no hook of the data path was called',
  },
  {
    rule: 'PF-03',
    unfit: needs('tx'),
    looks: [look(steady, chargedFor)],
    unseen: 'no frame was accepted',
  },
]
