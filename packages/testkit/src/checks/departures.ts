// TX: how accepted frames leave (TX-04, TX-08, TX-09, TX-10).
import { bursts } from '../acts/bursts.js'
import type { Bursts } from '../acts/bursts.js'
import { differential } from '../acts/differential.js'
import type { Differential } from '../acts/differential.js'
import { saturated } from '../acts/saturated.js'
import { steady } from '../acts/steady.js'
import { hostOf } from '../bench/arrivals.js'
import type { Scene } from '../bench/scene.js'
import type { OnWire } from '../bench/wire-log.js'
import { callsOf, groupBy, queueKey } from '../kit/calls-of.js'
import { look, needs } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import { each, together } from '../kit/judging.js'
import type { Finding, Judgement } from '../kit/judging.js'
import type { Call } from '../record/calls.js'
import { piecesOf } from '../record/frame-facts.js'

/** Where the pieces of frames stand in the departure log of a guest's host. Of pieces with one name: the first. */
export function departures(wire: readonly OnWire[], host: string): Map<string, number> {
  const places = new Map<string, number>()
  wire.forEach(({ from, frame }, index) => {
    if (!from.startsWith(`${host}.`) || frame.flow === '') return
    const [name] = piecesOf({ ...frame, segments: 1 })
    if (!places.has(name)) places.set(name, index)
  })
  return places
}

/** Offers that were accepted and then completed, by guest. */
export function completedOf(scene: Scene): { readonly offer: Call; readonly done: Call }[] {
  const lent = new Map<string, Call>()
  const pairs: { offer: Call; done: Call }[] = []
  for (const call of scene.calls) {
    const key = `${queueKey(call)} ${call.frame?.id}`
    if (call.of === 'queue' && call.name === 'startXmit' && call.result === 'accepted') lent.set(key, call)
    const offer = lent.get(key)
    if (call.of !== 'queueDoors' || call.name !== 'completeTx' || offer === undefined) continue
    pairs.push({ offer, done: call })
    lent.delete(key)
  }
  return pairs
}

/** TX-04: the wire had all of it when it was completed. */
function leftBefore(scene: Scene): Judgement {
  if (scene.wire.length === 0) return { seen: 0, findings: [] }
  const byHost = groupBy(completedOf(scene), ({ offer }) => hostOf(offer.place.where))
  const judgements = [...byHost].map(([host, pairs]) => {
    const places = departures(scene.wire, host)
    return each(pairs, ({ offer, done }): Finding | undefined => {
      const { frame } = offer
      if (frame === null || frame.flow === '') return undefined
      const early = piecesOf(frame).find((name) => {
        const place = places.get(name)
        return place === undefined || scene.wire[place].n > done.n
      })
      if (early === undefined) return undefined
      return { sentence: `a frame of ${frame.length} bytes was completed before it had left`, at: done.at }
    })
  })
  return together(...judgements)
}

/** TX-08: frames of one flow leave in the order in which they were accepted. */
function inOrder(scene: Scene): Judgement {
  const accepted = callsOf(scene, 'queue', 'startXmit').filter(
    ({ result, frame }) => result === 'accepted' && frame !== null && frame.flow !== '',
  )
  const logs = new Map<string, Map<string, number>>()
  const flows = groupBy(accepted, (call) => `${queueKey(call)} ${call.frame?.flow}`)
  return each(flows.values(), (calls): Finding | undefined => {
    const host = hostOf(calls[0].place.where)
    const places = logs.get(host) ?? departures(scene.wire, host)
    logs.set(host, places)
    let last = -1
    for (const { frame, at } of calls) {
      const place = frame === null ? undefined : places.get(piecesOf(frame)[0])
      if (place === undefined) continue
      if (place < last)
        return { sentence: `a frame of ${frame?.length} bytes left before one accepted earlier`, at }
      last = place
    }
    return undefined
  })
}

/** TX-09: what left is what the slow path sends. */
function asTheSlowPath({ fast, slow, accepted }: Differential): Judgement {
  if (accepted === 0) return { seen: 0, findings: [] }
  return each(fast, ({ title, wire }, index): string | undefined => {
    const want = slow[index].wire
    // What does not leave, or not in time, has its own rules (TX-10, TX-04).
    if (wire.length === 0) return undefined
    if (wire.length !== want.length)
      return `${title} left as ${wire.length} frames; by the slow path as ${want.length}`
    const other = wire.findIndex((frame, k) => frame.hash !== want[k].hash || frame.length !== want[k].length)
    if (other < 0) return undefined
    const [was, wanted] = [wire[other], want[other]]
    return was.length === wanted.length
      ? `${title} left with other bytes than by the slow path (frame ${other + 1} of ${wire.length})`
      : `${title} left with ${was.length} bytes; by the slow path with ${wanted.length}`
  })
}

/** TX-10: all that was accepted left by itself, and is completed at the end of the silence. */
function nothingStands({ scene, bursts: all }: Bursts): Judgement {
  const ended = completedOf(scene)
  const isByWire = scene.wire.length > 0
  const places = departures(scene.wire, 'a')
  return each(
    all.filter(({ from, to }) => accepted(scene, from, to).length > 0),
    ({ size, from, to, left }): string | undefined => {
      const offers = accepted(scene, from, to)
      const stood = offers.filter(({ frame }) => {
        const place = frame === null ? undefined : places.get(piecesOf(frame)[0])
        return isByWire && (place === undefined || place >= left)
      })
      if (stood.length > 0)
        return `of a burst of ${size} frames, ${stood.length} that were accepted had not left when nothing was done after the burst`
      // What is never completed has its own rule (TX-02).
      const late = ended.filter(({ offer, done }) => offer.n >= from && offer.n < to && done.n >= to)
      return late.length > 0
        ? `of a burst of ${size} frames, ${late.length} that were accepted had not been completed after a silence with nothing but polls`
        : undefined
    },
  )
}

function accepted(scene: Scene, from: number, to: number): Call[] {
  return callsOf(scene, 'queue', 'startXmit').filter(
    ({ n, result, frame }) => n >= from && n < to && result === 'accepted' && frame?.flow !== '',
  )
}

export const departureChecks: readonly Check[] = [
  {
    rule: 'TX-04',
    unfit: needs('tx'),
    looks: [look(steady, leftBefore), look(saturated, leftBefore)],
    unseen: 'no frame that was accepted is one that leaves by a wire',
  },
  {
    rule: 'TX-08',
    unfit: needs('tx'),
    looks: [look(steady, inOrder), look(saturated, inOrder)],
    unseen: 'no frame was accepted',
  },
  {
    rule: 'TX-09',
    unfit: needs('tx'),
    looks: [look(differential, asTheSlowPath)],
    unseen: 'none of the frames was accepted',
  },
  {
    rule: 'TX-10',
    unfit: needs('tx'),
    looks: [look(bursts, nothingStands)],
    unseen: 'no frame of the bursts was accepted',
  },
]
