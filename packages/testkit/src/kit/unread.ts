// What stands unread in a guest's virtual interface, by what the NIC has laid there and the plugin has passed on.
import { arrivalsOf, HARDWARE_NS, hostOf } from '../bench/arrivals.js'
import type { Scene } from '../bench/scene.js'
import type { Arrival } from '../bench/vi-log.js'
import type { Call } from '../record/calls.js'

/** One step of the account of a guest, in order. */
export interface Step {
  readonly call: Call
  /** Wire segments that had arrived by then, and those that had been delivered or dropped. */
  readonly arrived: number
  readonly passed: number
}

/** The calls of a guest's queue hooks, with its account at each. It begins anew with each attachment. */
export function stepsOf(scene: Scene, hooks: readonly string[]): Step[] {
  const arrivals = arrivalsOf(scene)
  const isOwn = scene.subject.manifest.hardware !== undefined
  return guestsOf(scene).flatMap((where) =>
    steps(
      scene.calls.filter(({ place }) => place.where === where),
      arrivals.filter(({ host }) => host === hostOf(where)),
      hooks,
      isOwn ? HARDWARE_NS : 0,
    ),
  )
}

function guestsOf({ calls }: Scene): string[] {
  return [...new Set(calls.filter(({ of }) => of === 'queue').map(({ place }) => place.where))]
}

function steps(
  calls: readonly Call[],
  arrivals: readonly Arrival[],
  hooks: readonly string[],
  late: number,
): Step[] {
  const made: Step[] = []
  let next = 0
  let arrived = 0
  let passed = 0
  for (const call of calls) {
    for (; next < arrivals.length && isThere(arrivals[next], call, late); next += 1)
      arrived += arrivals[next].frame.segments
    if (call.name === 'newDevice') arrived = passed = 0
    if (call.of === 'queue' && hooks.includes(call.name)) made.push({ call, arrived, passed })
    passed += passedBy(call)
  }
  return made
}

function isThere({ n, at }: Arrival, call: Call, late: number): boolean {
  return late === 0 ? n <= call.n : at + late <= call.at
}

/** Wire segments that a call has passed on to the host, as a frame or as a drop. */
export function passedBy({ of, name, frame, args }: Call): number {
  if (of !== 'queueDoors') return 0
  if (name === 'deliver') return frame?.segments ?? 0
  return name === 'dropRx' ? Number(args[1]) : 0
}
